"""The API's description, OpenAPI 3.1, made of what the operations say of themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flarego import __version__
from flarego.gateway.query.moment import Moment
from flarego.gateway.query.operations import OPERATIONS, Operation
from flarego.gateway.query.parameters import AnyParameter, Parameter, Several
from flarego.gateway.query.schemas import SCHEMAS, ref

MOMENTS = " ".join((Moment.__doc__ or "").split())
"""How to write a moment."""
_ABOUT = f"""\
What FlareGo knows of the processes it watches, folded on the server.

Times are ns since the process's epoch unless said otherwise. Every error is `{{"error", "remedy"}}`: one sentence that
says what happened, one that says what to do. A span is answered exactly, to the chunk: a fifth of a second, as a rule.

    curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:4317/api/v1/processes

A moment (`from`, `to` …) is one of: {MOMENTS}

The token is the one that `flarego` printed, or one made with `flarego token`, with the scope `read`.
"""
_REFUSALS: Mapping[str, str] = {
    "400": "The question cannot be understood.",
    "401": "No token, or one that is not known or no longer good.",
    "403": "The token is not good for that namespace, or the request comes from another origin.",
    "404": "There is no such process, or nothing is kept of that span.",
    "429": "A limit was reached: too many questions, one that takes too long, or too large an answer.",
}


def document() -> dict[str, Any]:
    """Return the whole description."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "FlareGo", "version": __version__, "description": _ABOUT},
        "servers": [{"url": "../..", "description": "The gateway that serves this, under whatever path."}],
        "security": [{"bearer": []}, {"cookie": []}],
        "paths": {operation.path: {"get": _operation(operation)} for operation in OPERATIONS},
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "cookie": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "flarego-4317",
                    "description": "What a browser that has logged in holds; the port is in its name.",
                },
            },
        },
    }


def example(operation: Operation) -> str:
    """Return how to ask with curl."""
    query = operation.example
    address = f"http://127.0.0.1:4317{operation.path.replace('{process}', '$PROCESS')}"
    option = query if query.startswith(" ") else ""
    return f'curl -H "Authorization: Bearer $TOKEN" "{address}{query.removesuffix(option)}"{option}'


def _operation(operation: Operation) -> dict[str, Any]:
    content: dict[str, Any] = {media: {"schema": {}} for media in operation.files}
    if operation.answer:
        content["application/json"] = {"schema": ref(operation.answer)}
    if "text/html" in content or "image/svg+xml" in content:  # another tool's JSON is no flame graph of ours
        content["application/json"] = {"schema": {"anyOf": [ref(operation.answer), {"type": "object"}]}}
    error = {"application/json": {"schema": ref("Error")}}
    return {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": f"{operation.about}\n\n    {example(operation)}",
        "parameters": [_parameter(parameter) for parameter in operation.parameters],
        "responses": {
            "200": {"description": operation.summary, "content": content},
            **{code: {"description": text, "content": error} for code, text in _refusals(operation)},
        },
    }


def _refusals(operation: Operation) -> Sequence[tuple[str, str]]:
    return [(code, text) for code, text in _REFUSALS.items() if code != "404" or "{process}" in operation.path]


def _parameter(parameter: AnyParameter) -> dict[str, Any]:
    one: Parameter[Any] = parameter.one if isinstance(parameter, Several) else parameter
    schema: Mapping[str, Any] = one.schema
    about = one.about
    if isinstance(parameter, Several):
        schema = {"type": "array", "items": one.schema, "maxItems": 32}
        about += " May be given several times: any will do."
    described: dict[str, Any] = {"name": one.name, "in": one.where, "description": about, "schema": schema}
    if one.where == "path":
        described["required"] = True
    if isinstance(parameter, Several):
        described |= {"style": "form", "explode": True}
    return described
