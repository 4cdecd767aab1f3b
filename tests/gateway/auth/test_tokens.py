"""Tokens of people and programs: made, used, expired, revoked, through the command line and under open streams."""

from __future__ import annotations

import asyncio
import json
import re
import stat
import time
from pathlib import Path

import aiohttp
import pytest
from click.testing import CliRunner, Result

from flarego.cli.main import flarego
from flarego.gateway.auth.principal import Scope, Unauthenticated
from flarego.gateway.auth.tokens import BadTokenFile, TokenFile
from flarego.gateway.policy import BadNamespace
from gateway.auth.trusted import Served, agent_token

TOKEN = re.compile(r"flg_[0-9a-f]{12}_[A-Za-z0-9_-]{43}")


def run(*arguments: str, file: Path) -> Result:
    return CliRunner().invoke(flarego, ["token", *arguments, "--tokens", str(file)])


def test_a_token_is_shown_once_and_only_its_hash_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "new" / "tokens.json"
    made = run("create", "--name", "grafana", "--scope", "read", "--scope", "clip:write", "--namespace", "prod",
               "--namespace", "team-*", "--expires", "30d", file=file)  # fmt: skip
    assert made.exit_code == 0, made.output
    token = made.stdout.strip()
    assert TOKEN.fullmatch(token)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert token.split("_", 2)[2] not in file.read_text()
    listed = run("list", "--json", file=file)
    [one] = json.loads(listed.stdout)
    assert one["name"] == "grafana" and one["state"] == "valid"
    assert one["grants"] == {"prod": ["clip:write", "read"], "team-*": ["clip:write", "read"]}
    assert one["expires"] == pytest.approx(time.time() + 30 * 86400, abs=60)
    assert token not in listed.output + run("list", file=file).output
    principal = TokenFile(file).authenticate(token)
    assert principal.may(Scope.READ, "team-x") and not principal.may(Scope.INGEST, "prod")
    assert run("revoke", one["id"], file=file).exit_code == 0
    assert json.loads(run("list", "--json", file=file).stdout)[0]["state"] == "revoked"
    with pytest.raises(Unauthenticated, match="revoked"):
        TokenFile(file).authenticate(token)


@pytest.mark.parametrize(
    "arguments",
    [
        ["create", "--name", "x", "--scope", "superuser"],
        ["create", "--name", "x", "--namespace", "../etc"],
        ["create", "--name", "a\nb"],
        ["create", "--name", ""],
        ["create", "--name", "x", "--expires", "soon"],
        ["revoke", "0123456789ab"],
        ["revoke", "../../etc/passwd"],
    ],
)
def test_what_cannot_be_is_refused_and_makes_no_file(arguments: list[str], tmp_path: Path) -> None:
    result = run(*arguments, file=tmp_path / "tokens.json")
    assert result.exit_code != 0
    assert not isinstance(result.exception, AssertionError | AttributeError | KeyError)
    assert TokenFile(tmp_path / "tokens.json").all() == {}


def test_two_commands_at_once_lose_no_token(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def make(i: int) -> None:
        TokenFile(tmp_path / "t").create(f"n{i}", {"default": frozenset({Scope.READ})})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(make, range(40)))
    assert {token.name for token in TokenFile(tmp_path / "t").all().values()} == {f"n{i}" for i in range(40)}


@pytest.mark.parametrize("text", ["", "x", "flg_", "flg_0123456789ab_", "flg_0123456789ab_" + "A" * 43, "flg_%s_%s"])
def test_what_is_no_token_opens_nothing(text: str, tmp_path: Path) -> None:
    tokens = TokenFile(tmp_path / "t")
    tokens.create("a", {"default": frozenset({Scope.READ})})
    with pytest.raises(Unauthenticated):
        tokens.authenticate(text)


def test_a_token_is_right_to_the_last_character(tmp_path: Path) -> None:
    tokens = TokenFile(tmp_path / "t")
    text, _ = tokens.create("a", {"default": frozenset({Scope.READ})})
    assert tokens.authenticate(text).name == "a"
    for wrong in (text[:-1], text + "A", text.upper(), text[:-1] + ("B" if text[-1] == "A" else "A"), " " + text):
        with pytest.raises(Unauthenticated):
            tokens.authenticate(wrong)


@pytest.mark.parametrize(
    "data",
    ["", "{", "[]", '{"version": 2, "tokens": []}', '{"version": 1}', '{"version": 1, "tokens": [{}]}', "[" * 9999,
     '{"version": 1, "tokens": [{"id": "../..", "name": "a", "sha256": "", "grants": {}, "created": 0}]}'],
)  # fmt: skip
def test_a_file_that_is_none_is_told_at_the_start_and_changes_nothing_later(data: str, tmp_path: Path) -> None:
    path = tmp_path / "t"
    tokens = TokenFile(path)
    text, _ = tokens.create("a", {"default": frozenset({Scope.READ})})
    assert tokens.authenticate(text).name == "a"
    path.write_text(data)
    assert tokens.authenticate(text).name == "a", "a slip of the pen locks nobody out"
    with pytest.raises(BadTokenFile):
        TokenFile(path)
    path.unlink()
    with pytest.raises(Unauthenticated):
        tokens.authenticate(text)


def test_a_file_that_others_may_write_is_not_believed(tmp_path: Path) -> None:
    TokenFile(tmp_path / "t").create("a", {"default": frozenset({Scope.READ})})
    (tmp_path / "t").chmod(0o666)
    with pytest.raises(BadTokenFile, match="others"):
        TokenFile(tmp_path / "t")


async def test_a_token_made_while_the_gateway_runs_works_at_once_and_so_does_revoking(served: Served) -> None:
    file = served.folder / "tokens.json"
    token = run("create", "--name", "ci", file=file).stdout.strip()
    assert (await served.ask("/api/v1/processes", token)).status == 200
    assert run("revoke", token.split("_")[1], file=file).exit_code == 0
    response = await served.ask("/api/v1/processes", token)
    assert (response.status, response.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert token not in await response.text()


async def closes(socket: aiohttp.ClientWebSocketResponse) -> None:
    async with asyncio.timeout(8):
        while (await socket.receive()).type not in (
            aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.ERROR,
        ):  # fmt: skip
            pass


@pytest.mark.parametrize("how", ["revoked", "expired", "logged out", "file gone"])
async def test_an_open_stream_ends_with_the_right_to_it(served: Served, how: str) -> None:
    token = served.token(expires=time.time() + 3 if how == "expired" else None)
    stays = served.token(name="bob")
    cookie = (await served.login(token)).cookies[f"flarego-{served.service.port}"].value
    headers = {"Cookie": f"flarego-{served.service.port}={cookie}"}
    shown = headers if how == "logged out" else {"Authorization": f"Bearer {token}"}
    async with (
        served.session.ws_connect(f"{served.url}/stream", headers=shown) as socket,
        served.session.ws_connect(f"{served.url}/stream", headers={"Authorization": f"Bearer {stays}"}) as other,
    ):
        if how == "revoked":
            served.tokens.revoke(token.split("_")[1])
        elif how == "logged out":
            out = await served.ask("/session/logout", method="POST", headers=headers | {"Origin": served.url})
            assert out.status == 204
        elif how == "file gone":
            (served.folder / "tokens.json").unlink()
        await closes(socket)
        if how != "file gone":
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(other.receive(), 0.2)
    assert (await served.ask("/api/v1/processes", headers=shown)).status == 401


async def test_an_agents_stream_ends_when_its_token_does(tmp_path: Path) -> None:
    import grpc
    from wire.streams import INFO

    from flarego.wire.codec import encode
    from flarego.wire.envelope import Hello, encode_agent
    from gateway.auth.trusted import serve

    async with serve(tmp_path, jwt_leeway="1s") as served:
        held = asyncio.Event()

        def requests() -> object:
            yield encode_agent(Hello(encode(INFO), "default"))
            asyncio.run_coroutine_threadsafe(held.wait(), loop).result(20)

        loop = asyncio.get_running_loop()

        def talk() -> grpc.StatusCode:
            with grpc.insecure_channel(f"127.0.0.1:{served.service.port}") as channel:
                call = channel.stream_stream("/flarego.v1.Ingest/Stream")(
                    requests(), metadata=[("authorization", f"Bearer {agent_token(exp=time.time() + 2)}")], timeout=15
                )
                try:
                    for _ in call:
                        pass
                except grpc.RpcError:
                    pass
                finally:
                    loop.call_soon_threadsafe(held.set)
                return call.code()

        began = time.monotonic()
        assert await asyncio.to_thread(talk) is grpc.StatusCode.UNAUTHENTICATED
        assert 2 <= time.monotonic() - began < 9


def test_a_namespace_is_a_name_and_a_pattern_is_none() -> None:
    from flarego.gateway.policy import valid_namespace

    for text in ("default", "a", "0-a.b_c", "a" * 63):
        assert valid_namespace(text) == text
    for text in ("", "*", "a*", "A", "a/b", "a b", "a" * 64, "\N{LATIN SMALL LETTER E WITH ACUTE}", "-a", ".a", "a\n"):
        with pytest.raises(BadNamespace):
            valid_namespace(text)
