"""Who gets in: the token in all its places, Host, Origin."""

from __future__ import annotations

import asyncio
import secrets

import aiohttp
import pytest
from aiohttp import WSServerHandshakeError, web
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from flarego.gateway.auth import Access, Site, bearer, hosts_for, is_loopback, new_token, split_host
from flarego.gateway.server import Gateway
from gateway.conftest import HTML, Client

EVIL = "http://evil.example"


async def test_the_printed_url_opens_the_page_and_leaves_no_token_in_the_address(gateway: Gateway) -> None:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        async with browser.get(gateway.url, headers=HTML) as page:
            assert page.status == 200
            assert str(page.url) == f"http://127.0.0.1:{gateway.port}/"
            assert "<fg-app" in await page.text()
        async with browser.ws_connect(f"http://127.0.0.1:{gateway.port}/stream", origin=gateway.url.rsplit("/", 1)[0]):
            pass


@pytest.mark.parametrize("token", ["a b&c=d", "100%", "é\N{SNOWMAN}", 'say "x"; path=/'])
async def test_any_token_will_do(token: str) -> None:
    gateway = Gateway("127.0.0.1:0", token)
    await gateway.start()
    cookies = aiohttp.CookieJar(unsafe=True)
    async with (
        aiohttp.ClientSession(cookie_jar=cookies) as browser,
        browser.get(URL(gateway.url, encoded=True)) as page,
    ):
        assert page.status == 200
    await gateway.stop()


async def test_the_cookie_is_for_http_only_and_for_this_site_and_port_only(client: Client) -> None:
    response = await client.get(f"/?token={client.gateway.token}", token=False)
    assert response.status == 303
    cookie = response.headers["Set-Cookie"]
    assert cookie.startswith(f"flarego-{client.gateway.port}=")
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    assert client.gateway.token not in response.headers["Location"]


@pytest.mark.parametrize(
    "query, location",
    [("token={}", "./"), ("a=1&token={}&view=on%20cpu", "./?a=1&view=on+cpu"), ("token={}&a=%26", "./?a=%26")],
)
async def test_the_rest_of_the_query_is_kept(client: Client, query: str, location: str) -> None:
    response = await client.get(f"/?{query.format(client.gateway.token)}", token=False)
    assert response.headers["Location"] == location


async def test_from_a_link_on_another_site_the_page_goes_on_by_itself(client: Client) -> None:
    """A redirect would arrive without the cookie: it is SameSite=Strict. (Seen in Chromium 156.)"""
    headers = {"Sec-Fetch-Site": "cross-site"}
    response = await client.get(f'/?token={client.gateway.token}&a="><script>', token=False, headers=headers)
    assert response.status == 200
    assert "SameSite=Strict" in response.headers["Set-Cookie"]
    text = await response.text()
    assert 'http-equiv="refresh" content="0;url=./?a=' in text
    assert "<script" not in text and client.gateway.token not in text


async def test_the_page_works_below_a_path_of_a_proxy(client: Client) -> None:
    """A proxy that serves us below /team/a/: the redirect after the token must stay there."""

    async def forward(request: web.Request) -> web.Response:
        headers = {name: request.headers[name] for name in ("Host", "Cookie", "Accept") if name in request.headers}
        url = f"{client.origin}/{request.match_info['path']}"
        async with client.session.get(url, params=request.query, headers=headers, allow_redirects=False) as answer:
            kept = {name: answer.headers[name] for name in ("Location", "Set-Cookie") if name in answer.headers}
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)

    app = web.Application()
    app.router.add_get("/team/a/{path:.*}", forward)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    below = f"http://127.0.0.1:{runner.addresses[0][1]}/team/a/"
    try:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
            async with browser.get(f"{below}?token={client.gateway.token}&x=1") as page:
                assert (page.status, str(page.url)) == (200, f"{below}?x=1")
            async with browser.get(f"{below}main.js") as script:
                assert script.status == 200
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("path", ["/", "/main.js", "/nothing", "/stream"])
async def test_without_the_token_there_is_nothing(client: Client, path: str) -> None:
    wrong = {"Authorization": f"Bearer {new_token()}"}
    for headers in ({}, wrong, {"Authorization": "Bearer"}, {"Cookie": f"flarego-{client.gateway.port}=x"}):
        response = await client.get(path, token=False, headers=headers)
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
        answer = await response.json()
        assert answer["error"] and answer["remedy"]
        assert client.gateway.token not in str(answer) + str(response.headers)


@pytest.mark.parametrize("path", ["/", "/?token=wrong", "/?token=", "/?token=%ff%00"])
async def test_a_person_without_the_token_is_told_where_it_is(client: Client, path: str) -> None:
    response = await client.get(path, token=False, headers=HTML)
    assert response.status == 401
    assert response.content_type == "text/html"
    text = await response.text()
    assert "printed" in text and "<script" not in text
    assert client.gateway.token not in text
    assert "style-src 'sha256-" in response.headers["Content-Security-Policy"]


async def test_a_cookie_of_another_port_opens_nothing(client: Client) -> None:
    cookie = {"Cookie": f"flarego-{client.gateway.port + 1}={client.gateway.token}"}
    assert (await client.get("/", token=False, headers=cookie)).status == 401


async def test_bearer_and_cookie_open_everything(client: Client) -> None:
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    for headers in (client.bearer, {"Cookie": cookie}):
        assert (await client.get("/", token=False, headers=headers)).status == 200
        async with await client.stream(headers=headers):
            pass
    async with await client.stream(f"/stream?token={client.gateway.token}", headers={}):
        pass


async def test_a_stream_without_the_token_is_refused(client: Client) -> None:
    with pytest.raises(WSServerHandshakeError) as caught:
        await client.stream(headers={})
    assert caught.value.status == 401


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "[", "127.0.0.2"])
async def test_a_rebound_name_is_refused(client: Client, host: str) -> None:
    response = await client.get("/", headers={"Host": host})
    assert response.status in (400, 403)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "[::1]:4317"])
async def test_this_machine_may_be_called_by_its_names_and_through_a_forwarded_port(client: Client, host: str) -> None:
    assert (await client.get("/", headers={"Host": host})).status == 200


@pytest.mark.parametrize("origin", [EVIL, "null", "", "file://", "http://127.0.0.1:1", "http://[", "://"])
async def test_pages_from_elsewhere_may_not_use_us(client: Client, origin: str) -> None:
    with pytest.raises(WSServerHandshakeError) as caught:
        await client.stream(headers=client.bearer | {"Origin": origin})
    assert caught.value.status == 403


async def test_our_own_page_may(client: Client) -> None:
    async with await client.stream(headers=client.bearer | {"Origin": client.origin}):
        pass


async def test_health_needs_no_token_and_tells_nothing(client: Client) -> None:
    response = await client.get("/healthz", token=False)
    assert (response.status, await response.json()) == (200, {"status": "ok"})


async def test_bytes_that_are_no_text_are_refused_politely(gateway: Gateway) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    cookie = b"Cookie: flarego-%d=\xff\xfe\r\nAuthorization: Bearer \xff\xfe\r\n" % gateway.port
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + cookie + b"Connection: close\r\n\r\n")
    assert b" 401 " in (await reader.read())[:20]
    writer.close()


def test_tokens_are_long_and_never_the_same() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) >= 32 and set(token) <= set(secrets.token_urlsafe(2000) + "-_") for token in tokens)


@given(st.text())
def test_hostile_headers_raise_nothing(text: str) -> None:
    site = Site()
    assert not Access("secret").knows_token(text + "x", bearer(text))
    assert site.knows_host(text) == (split_host(text) in site.hosts)
    assert not site.knows_origin(text, "localhost:1")


def test_names_under_which_we_are_reached() -> None:
    assert "localhost" in hosts_for("127.0.0.1")
    assert "localhost" not in hosts_for("192.0.2.7") and "192.0.2.7" in hosts_for("192.0.2.7")
    assert hosts_for("0.0.0.0") == hosts_for("::") == hosts_for("") == frozenset()
    assert [is_loopback(host) for host in ("127.0.0.9", "::1", "localhost", "", "0.0.0.0", "example.com")] == [
        True, True, True, False, False, False,
    ]  # fmt: skip
