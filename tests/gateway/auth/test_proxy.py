"""A proxy that says who asks: believed from its address, and from nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest
from multidict import CIMultiDict

from flarego.gateway.auth.principal import Credentials, Principal, Scope, Unauthenticated
from flarego.gateway.auth.proxy import Proxies, ProxyHeader
from gateway.auth.trusted import serve

GRANTS = ["sre=admin@*", "dev=read+clip:write@staging", "*=read@default"]
HERE = Proxies.of(["10.0.0.0/8", "fd00::/8", "127.0.0.1"])


def header(**names: str) -> ProxyHeader:
    return ProxyHeader.of(HERE, "X-Forwarded-User", "X-Forwarded-Groups", GRANTS)


def ask(peer: str, *headers: tuple[str, str]) -> Principal | None:
    return header().authenticate(Credentials(peer=peer, headers=CIMultiDict(headers)))


def test_a_persons_groups_become_grants() -> None:
    ann = ask("10.1.2.3", ("X-Forwarded-User", "ann@example.com"), ("X-Forwarded-Groups", "dev, others"))
    assert ann is not None and (ann.name, ann.kind) == ("ann@example.com", "proxy")
    assert ann.may(Scope.CLIP_WRITE, "staging") and ann.may(Scope.READ, "default")
    assert not ann.may(Scope.READ, "prod") and not ann.may(Scope.CLIP_WRITE, "default")
    root = ask("fd00::1", ("x-forwarded-user", "root"), ("X-FORWARDED-GROUPS", "sre"))
    assert root is not None and root.may(Scope.RULES_WRITE, "anything")


@pytest.mark.parametrize("peer", ["11.0.0.1", "192.168.0.1", "::1", "fe80::1%eth0", "", "unix:", "10.0.0.1.evil"])
def test_the_header_of_a_stranger_says_nothing(peer: str) -> None:
    assert ask(peer, ("X-Forwarded-User", "root"), ("X-Forwarded-Groups", "sre")) is None


def test_an_address_of_ipv4_in_ipv6_is_that_of_ipv4() -> None:
    assert ask("::ffff:10.0.0.1", ("X-Forwarded-User", "ann")) is not None
    assert ask("::ffff:11.0.0.1", ("X-Forwarded-User", "ann")) is None


def test_a_header_that_is_there_twice_is_not_the_proxys_alone() -> None:
    for twice in ("X-Forwarded-User", "X-Forwarded-Groups"):
        with pytest.raises(Unauthenticated, match="more than one"):
            ask("10.0.0.1", ("X-Forwarded-User", "ann"), ("X-Forwarded-Groups", "dev"), (twice, "sre"))


@pytest.mark.parametrize("name", ["a\nb", "a\x00", "x" * 300, "\x1b[31m"])
def test_a_name_that_nobody_has_is_refused(name: str) -> None:
    with pytest.raises(Unauthenticated):
        ask("10.0.0.1", ("X-Forwarded-User", name))


def test_nobody_named_is_nobody() -> None:
    assert ask("10.0.0.1", ("X-Forwarded-User", " ")) is None
    assert ask("10.0.0.1") is None


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "1.2.3.4, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("203.0.113.9", "1.2.3.4", "203.0.113.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "<script>", "10.0.0.1"),
        ("10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
    ],
)
def test_where_a_request_comes_from_is_what_no_proxy_of_ours_wrote(peer: str, forwarded: str, address: str) -> None:
    assert HERE.address(peer, {"X-Forwarded-For": forwarded}) == address


def test_a_header_that_was_there_before_the_proxys_own_says_nothing() -> None:
    headers = CIMultiDict([("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-For", "203.0.113.9")])
    assert HERE.address("10.0.0.1", headers) == "203.0.113.9"


async def test_over_http_it_is_a_person_and_the_audit_log_says_from_where(tmp_path: Path) -> None:
    async with serve(
        tmp_path, proxy_from=["127.0.0.1"], proxy_header="X-User", proxy_groups_header="X-Groups", proxy_grants=GRANTS
    ) as served:
        person = {"X-User": "ann", "X-Groups": "dev", "X-Forwarded-For": "203.0.113.9"}
        assert (await served.ask("/clip?namespace=staging", headers=person)).status == 404
        assert (await served.ask("/clip?namespace=prod", headers=person)).status == 403
        assert (await served.ask("/api/v1/processes", headers={"X-Groups": "sre"})).status == 401
        forged = person | {"Sec-Fetch-Site": "cross-site"}
        assert (await served.ask("/api/v1/ingest?namespace=staging", method="POST", headers=forged)).status == 403
        allowed, refused = served.audited()
        assert (allowed["who"], allowed["kind"], allowed["from"], allowed["outcome"]) == (
            "ann", "proxy", "203.0.113.9", "allowed",
        )  # fmt: skip
        assert (refused["outcome"], refused["namespace"]) == ("refused", "prod")


async def test_without_the_setting_the_header_is_nothing(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        for name in ("X-Forwarded-User", "X-User", "Remote-User"):
            assert (await served.ask("/api/v1/processes", headers={name: "root"})).status == 401
