"""A browser's way in: a token once, a cookie from then on; and pages of other sites, which get nowhere."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp
import pytest

from flarego.gateway.auth.principal import Scope
from flarego.gateway.auth.session import Sessions, digest
from flarego.gateway.auth.throttle import BURST, Throttle
from flarego.gateway.limits import LimitReached
from gateway.auth.trusted import Served, agent_token, serve

HTML = {"Accept": "text/html"}


async def test_a_token_is_changed_for_a_cookie_that_is_not_the_token(served: Served) -> None:
    token = served.token()
    response = await served.login(token, Origin=served.url)
    assert response.status == 204
    set_cookie = response.headers["Set-Cookie"]
    assert set_cookie.startswith(f"flarego-{served.service.port}=")
    assert "HttpOnly" in set_cookie and "SameSite=Strict" in set_cookie and "Secure" not in set_cookie
    assert token not in set_cookie and token.split("_")[1] not in set_cookie
    cookie = {"Cookie": set_cookie.split(";")[0]}
    assert (await served.ask("/api/v1/processes", headers=cookie)).status == 200
    assert (await served.ask("/api/v1/processes?namespace=other", headers=cookie)).status == 403
    forged = {"Cookie": f"flarego-{served.service.port}={digest(set_cookie)}"}
    assert (await served.ask("/api/v1/processes", headers=forged)).status == 401


async def test_a_page_opened_with_the_token_in_its_address_gets_the_cookie(served: Served) -> None:
    token = served.token()
    response = await served.ask(f"/?token={token}&process=a", headers=HTML)
    assert (response.status, response.headers["Location"]) == (303, "./?process=a")
    assert token not in response.headers["Set-Cookie"]


async def test_behind_a_proxy_with_tls_the_cookie_is_secure(tmp_path: Path) -> None:
    async with serve(tmp_path, proxy_from=["127.0.0.0/8"]) as served:
        response = await served.login(served.token(), **{"X-Forwarded-Proto": "https"})
        assert "Secure" in response.headers["Set-Cookie"]


async def test_logging_in_again_ends_the_session_there_was(served: Served) -> None:
    token = served.token()
    first = (await served.login(token)).headers["Set-Cookie"].split(";")[0]
    second = (await served.login(token, Cookie=first, Origin=served.url)).headers["Set-Cookie"].split(";")[0]
    assert (await served.ask("/api/v1/processes", headers={"Cookie": first})).status == 401
    assert (await served.ask("/api/v1/processes", headers={"Cookie": second})).status == 200


@pytest.mark.parametrize(("host", "status"), [("evil.example", 403), ("localhost:1", 200), ("10.0.0.9", 403)])
async def test_where_everybody_may_come_in_a_rebound_name_may_not(tmp_path: Path, host: str, status: int) -> None:
    nobody = {"tokens": None, "jwt_secret_file": None, "jwt_issuer": None}
    async with serve(tmp_path, listen="0.0.0.0:0", insecure=True, **nobody) as served:
        assert (await served.ask("/api/v1/processes", headers={"Host": host})).status == status
        assert (await served.ask("/api/v1/processes")).status == 200, "the address that was connected to"


async def test_over_tls_the_cookie_is_for_tls_only(tmp_path: Path) -> None:
    import ssl

    import trustme

    authority = trustme.CA()
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    context = ssl.create_default_context()
    authority.configure_trust(context)
    both = str(tmp_path / "both.pem")
    async with serve(tmp_path, tls_cert=both, tls_key_file=both) as served:
        address = f"https://localhost:{served.service.port}"
        async with served.session.post(
            f"{address}/session/login", json={"token": served.token()}, headers={"Origin": address}, ssl=context
        ) as response:
            assert response.status == 204 and "Secure" in response.headers["Set-Cookie"]


async def test_logging_out_makes_the_cookie_worth_nothing(served: Served) -> None:
    cookie = {"Cookie": (await served.login(served.token())).headers["Set-Cookie"].split(";")[0]}
    out = await served.ask("/session/logout", method="POST", headers=cookie | {"Origin": served.url})
    assert out.status == 204 and "Max-Age=0" in out.headers["Set-Cookie"]
    assert (await served.ask("/api/v1/processes", headers=cookie)).status == 401


async def test_a_session_ends_with_its_time(tmp_path: Path) -> None:
    async with serve(tmp_path, session="1s") as served:
        cookie = {"Cookie": (await served.login(served.token())).headers["Set-Cookie"].split(";")[0]}
        assert (await served.ask("/api/v1/processes", headers=cookie)).status == 200
        await asyncio.sleep(1.05)
        assert (await served.ask("/api/v1/processes", headers=cookie)).status == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "evil.example"},
        {},
    ],
    ids=str,
)
async def test_another_sites_page_changes_nothing(served: Served, headers: dict[str, str]) -> None:
    """Neither with the person's cookie, nor by logging a person in as somebody else (but for a program, which may)."""
    cookie = {"Cookie": (await served.login(served.token(Scope.ADMIN))).headers["Set-Cookie"].split(";")[0]}
    for path in ("/session/logout", "/api/v1/ingest", "/flarego.v1.Watch/Processes", "/v1/profiles"):
        assert (await served.ask(path, method="POST", headers=cookie | headers)).status == 403, path
    if headers:
        assert (await served.login(served.token(), **headers)).status == 403
    assert (await served.ask("/api/v1/processes", headers=cookie)).status == 200, "still logged in"


async def test_our_own_page_and_programs_may(served: Served) -> None:
    token = served.token(Scope.ADMIN)
    cookie = {"Cookie": (await served.login(token)).headers["Set-Cookie"].split(";")[0]}
    for headers in ({"Origin": served.url}, {"Sec-Fetch-Site": "same-origin"}):
        assert (await served.ask("/api/v1/ingest", method="POST", headers=cookie | headers)).status != 403
    assert (await served.ask("/api/v1/ingest", token, method="POST")).status != 403


async def test_allowed_hosts_and_origins_are_let_in_and_no_others(tmp_path: Path) -> None:
    async with serve(tmp_path, allowed_hosts=["Flare.example"], allowed_origins=["https://tools.example"]) as served:
        token = served.token()
        for host, status in (("flare.example", 200), ("localhost:1", 200), ("x.example", 403)):
            assert (await served.ask("/api/v1/processes", token, headers={"Host": host})).status == status
        asked = {"Access-Control-Request-Method": "POST", "Origin": "https://tools.example"}
        before = await served.ask("/v1/profiles", method="OPTIONS", headers=asked)
        assert (before.status, before.headers["Access-Control-Allow-Origin"]) == (204, "https://tools.example")
        assert "Access-Control-Allow-Credentials" not in before.headers
        refused = await served.ask("/v1/profiles", method="OPTIONS", headers=asked | {"Origin": "https://evil.example"})
        assert refused.status == 403 and "Access-Control-Allow-Origin" not in refused.headers
        for origin in ("https://tools.example", "https://tools.example.evil", "http://tools.example"):
            answer = await served.ask("/api/v1/processes", token, headers={"Origin": origin})
            assert answer.status == (200 if origin == "https://tools.example" else 403)
            assert answer.headers.get("Access-Control-Allow-Origin") == (origin if answer.status == 200 else None)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'{"token": 7}', b'{"token": ""}', b"[" * 4000, b'{"token": "' + b"x" * 9000, b"\xff"]
)
async def test_what_is_no_login_is_refused(served: Served, body: bytes) -> None:
    response = await served.ask(
        "/session/login", method="POST", data=body, headers={"Content-Type": "application/json"}
    )
    assert response.status == 400
    form = await served.ask("/session/login", method="POST", data=b"token=x", headers={"Content-Type": "text/plain"})
    assert form.status == 415, "what a form of another page could send"


async def test_an_agents_token_logs_nobody_in(served: Served) -> None:
    assert (await served.login(agent_token(scope="admin"))).status == 401


async def test_guessing_is_slowed_down_by_address_and_does_not_fill_the_audit_log(served: Served) -> None:
    answers = [(await served.login(f"flg_0123456789ab_{i:043}")).status for i in range(BURST + 10)]
    assert answers[:BURST] == [401] * BURST and 429 in answers[BURST:]
    while (last := await served.ask("/api/v1/processes", "wrong")).status != 429:
        answers.append(last.status)
    assert int(last.headers["Retry-After"]) >= 1
    refused = [line for line in served.audited() if line["outcome"] == "unauthenticated"]
    assert len(refused) == answers.count(401), "those too many are not written down one by one"
    assert (await served.ask("/api/v1/processes", served.token())).status == 200, "who is right is not locked out"


def test_addresses_are_counted_apart_and_forgiven_in_time() -> None:
    now = [0.0]
    throttle = Throttle(lambda: now[0])
    for _ in range(BURST):
        throttle.failed("10.0.0.1")
        throttle.failed("2001:db8::1")
    for peer in ("10.0.0.1", "2001:db8::2"):
        with pytest.raises(LimitReached):
            throttle.failed(peer)
    throttle.failed("10.0.0.2")
    throttle.failed("2001:db8:1::1")
    now[0] += 10
    throttle.failed("10.0.0.1")


async def test_there_are_only_so_many_sessions() -> None:
    sessions = Sessions(60)
    first = await sessions.open("a", None)
    for _ in range(10_000):
        last = await sessions.open("b", None)
    assert sessions.known(digest(first)) is None and sessions.known(digest(last)) is not None


async def test_a_person_without_a_token_is_shown_where_to_type_it(served: Served) -> None:
    response = await served.ask("/?process=a", headers=HTML)
    assert response.status == 401 and response.content_type == "text/html"
    assert (await served.ask("/icon.svg")).status == 200
    assert json.loads(await (await served.ask("/main.js")).text())["error"]


async def test_the_stream_takes_a_cookie_and_a_bearer_and_nothing_else(served: Served) -> None:
    token = served.token()
    cookie = (await served.login(token)).headers["Set-Cookie"].split(";")[0]
    for headers in ({"Cookie": cookie, "Origin": served.url}, {"Authorization": f"Bearer {token}"}):
        async with served.session.ws_connect(f"{served.url}/stream", headers=headers):
            pass
    for headers, status in (({"Cookie": cookie, "Origin": "http://evil.example"}, 403), ({}, 401)):
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await served.session.ws_connect(f"{served.url}/stream", headers=headers)
        assert caught.value.status == status
