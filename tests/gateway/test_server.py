"""Listening: addresses as people write them, ports that are taken, starting and stopping."""

from __future__ import annotations

import asyncio
import socket
import time

import aiohttp
import pytest

from flarego.errors import ListenFailed
from flarego.gateway.listen import parse_listen
from flarego.gateway.server import Gateway
from gateway.conftest import Client


@pytest.mark.parametrize(
    "text, parsed",
    [
        ("127.0.0.1:4317", ("127.0.0.1", 4317)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:4317", ("::1", 4317)),
        ("[::]:80", ("::", 80)),
        (":4317", ("", 4317)),
        ("4317", ("127.0.0.1", 4317)),
        ("my-host.example:65535", ("my-host.example", 65535)),
    ],
)
def test_addresses_as_people_write_them(text: str, parsed: tuple[str, int]) -> None:
    assert parse_listen(text) == parsed


@pytest.mark.parametrize(
    "text",
    [
        "", "localhost", "127.0.0.1:", "::1:4317", "[::1]", "a:b", "a:65536", "a:99999", "http://a:1", "a b:1", "a:-1",
        "\N{ARABIC-INDIC DIGIT THREE}", "a:1\n",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ListenFailed) as caught:
        parse_listen(text)
    assert caught.value.exit_code == 9
    assert caught.value.remedy and "127.0.0.1:4317" in caught.value.remedy


async def test_a_port_in_use_is_named(gateway: Gateway) -> None:
    second = Gateway(f"127.0.0.1:{gateway.port}")
    with pytest.raises(ListenFailed, match=f"127.0.0.1:{gateway.port} is in use") as caught:
        await second.start()
    assert caught.value.exit_code == 9
    assert caught.value.remedy and "--listen" in caught.value.remedy


@pytest.mark.parametrize(
    "listen, says",
    [
        ("192.0.2.1:0", "not an address of this machine"),
        ("no.such.invalid:0", "no such host"),
        (f"{'a' * 70}.example:0", "no such host"),
    ],
)
async def test_an_address_that_is_not_ours_is_refused(listen: str, says: str) -> None:
    with pytest.raises(ListenFailed, match=says):
        await Gateway(listen).start()


async def test_port_0_becomes_the_real_port_and_can_be_taken_again_at_once() -> None:
    first = Gateway("127.0.0.1:0", token="mine")
    url = await first.start()
    assert first.port != 0
    assert url == first.url == f"http://127.0.0.1:{first.port}/?token=mine"
    await first.stop()
    await first.stop()
    second = Gateway(f"127.0.0.1:{first.port}")
    await second.start()
    await second.stop()


async def test_ipv6() -> None:
    gateway = Gateway("[::1]:0")
    try:
        url = await gateway.start()
    except ListenFailed:
        pytest.skip("this machine has no IPv6")
    assert url.startswith(f"http://[::1]:{gateway.port}/")
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session, session.get(url) as page:
        assert page.status == 200
    await gateway.stop()


@pytest.mark.parametrize("listen", [":0", "localhost:0"])
async def test_all_addresses_of_a_name_get_the_same_port(listen: str) -> None:
    for _ in range(5):
        gateway = Gateway(listen)
        await gateway.start()
        assert gateway._runner is not None
        assert {address[1] for address in gateway._runner.addresses} == {gateway.port}
        await gateway.stop()


async def test_a_port_that_is_in_use_on_one_of_the_addresses_is_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ListenFailed, match="in use"):
        await Gateway(f":{taken.getsockname()[1]}").start()


async def test_beyond_this_machine_the_token_still_holds_and_a_warning_is_due() -> None:
    gateway = Gateway(":0")
    assert gateway.warning and "other machines" in gateway.warning
    assert Gateway("127.0.0.1:0").warning is None and Gateway("[::1]:0").warning is None
    await gateway.start()
    async with aiohttp.ClientSession() as session:
        headers = {"Host": f"{socket.gethostname()}.example"}
        async with session.get(f"http://127.0.0.1:{gateway.port}/", headers=headers) as answer:
            assert answer.status == 401
        async with session.get(gateway.url, headers=headers) as answer:
            assert answer.history[0].status == 303
    await gateway.stop()


async def test_stopping_ends_streams_at_once_and_says_so(client: Client) -> None:
    async with await client.stream() as stream:
        began = time.monotonic()
        stopping = asyncio.ensure_future(client.gateway.stop())
        message = await asyncio.wait_for(stream.receive(), 5)
        await stopping
    assert message.data == aiohttp.WSCloseCode.GOING_AWAY
    assert time.monotonic() - began < 2
