"""Agents' tokens: what is signed, by whom, until when, and every way of getting that wrong."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from flarego.errors import BadSettings
from flarego.gateway.auth.fetch import fetcher
from flarego.gateway.auth.jwt import Claims, JwtVerifier
from flarego.gateway.auth.keys import (
    RETRY_S,
    FileKeys,
    Key,
    PublishedKeys,
    jwks_keys,
    parse_jwks,
    pem_key,
    read_bounded,
    secret_key,
)
from flarego.gateway.auth.principal import Principal, Scope, Unauthenticated
from gateway.auth.trusted import ISSUER, SECRET, agent_token

RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
CLAIMS = Claims(ISSUER, "flarego", leeway_s=5)
KEYS = [(RSA, "RS256"), (EC, "ES256"), (ED, "EdDSA")]


def pem(key: Any) -> bytes:
    public: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return public


def verifier(folder: Path, *keys: Any) -> JwtVerifier:
    """Return what believes these keys; the shared secret when there are none."""
    paths = []
    for i, key in enumerate(keys):
        paths.append(folder / f"{i}.pem")
        paths[-1].write_bytes(pem(key))
    if not keys:
        (folder / "secret").write_text(SECRET + "\n")
        return JwtVerifier(FileKeys([folder / "secret"], secret_key), CLAIMS)
    return JwtVerifier(FileKeys(paths, pem_key), CLAIMS)


async def refusal(verifier: JwtVerifier, token: str) -> str:
    with pytest.raises(Unauthenticated) as caught:
        await verifier.authenticate(token)
    assert token not in caught.value.message
    return caught.value.message


async def test_a_token_of_the_shared_secret_says_who_it_is_and_what_it_may(tmp_path: Path) -> None:
    principal = await verifier(tmp_path).authenticate(agent_token(ns=["prod", "team-*"], scope="ingest read nonsense"))
    assert (principal.name, principal.kind) == ("agent-7", "agent")
    assert principal.may(Scope.INGEST, "prod") and principal.may(Scope.READ, "team-a")
    assert not principal.may(Scope.INGEST, "default") and not principal.may(Scope.ADMIN, "prod")
    assert principal.expires == pytest.approx(time.time() + 605, abs=5)


@pytest.mark.parametrize(("key", "algorithm"), KEYS, ids=[name for _, name in KEYS])
async def test_a_token_of_a_key_is_believed_with_that_keys_algorithm_only(
    tmp_path: Path, key: Any, algorithm: str
) -> None:
    believer = verifier(tmp_path, key)
    assert (await believer.authenticate(agent_token(key, algorithm))).name == "agent-7"
    for other, name in KEYS:
        if other is not key:
            assert "no key is known" in await refusal(believer, agent_token(other, name))
    fresh: Any = {"RS256": lambda: rsa.generate_private_key(65537, 2048), "ES256": lambda: ec.generate_private_key(
        ec.SECP256R1()), "EdDSA": ed25519.Ed25519PrivateKey.generate}[algorithm]()  # fmt: skip
    assert "nobody we know" in await refusal(believer, agent_token(fresh, algorithm))
    if algorithm == "RS256":
        for wrong in ("RS384", "RS512", "PS256"):
            assert "no key is known" in await refusal(believer, agent_token(key, wrong))


@pytest.mark.parametrize(("key", "algorithm"), KEYS, ids=[name for _, name in KEYS])
@pytest.mark.parametrize("kind", ["pem", "der"])
async def test_a_public_key_is_no_secret(tmp_path: Path, key: Any, algorithm: str, kind: str) -> None:
    """The classical confusion: HS256, with the public key for a secret. PyJWT would not even sign that."""
    public = pem(key) if kind == "pem" else key.public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # fmt: skip
    header = _part({"alg": "HS256", "typ": "JWT"})
    body = _part({"iss": ISSUER, "aud": "flarego", "sub": "x", "exp": time.time() + 60, "ns": "*", "scope": "admin"})
    mac = hmac.new(public, f"{header}.{body}".encode(), hashlib.sha256).digest()
    assert "no key is known" in await refusal(verifier(tmp_path, key), f"{header}.{body}.{_b64(mac)}")


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "", None, "HS512", 5, ["HS256"], {}])
async def test_a_token_does_not_choose_how_it_is_verified(tmp_path: Path, alg: object) -> None:
    body = _part({"iss": ISSUER, "aud": "flarego", "exp": time.time() + 60, "ns": "*", "scope": "admin"})
    for signature in ("", _b64(b"x" * 32)):
        await refusal(verifier(tmp_path), f"{_part({'alg': alg, 'typ': 'JWT'})}.{body}.{signature}")


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"iss": None}, "no iss"),
        ({"aud": "others"}, "another audience"),
        ({"aud": None}, "no aud"),
        ({"aud": []}, ""),
        ({"exp": None}, "no exp"),
        ({"exp": "soon"}, ""),
        ({"exp": -6}, "expired"),
        ({"nbf": +60}, "not valid yet"),
        ({"iat": +60}, "not valid yet"),
    ],
    ids=str,
)
async def test_what_a_token_has_to_say(tmp_path: Path, claims: dict[str, Any], told: str) -> None:
    moved = {
        name: time.time() + value if isinstance(value, int) and not isinstance(value, bool) else value
        for name, value in claims.items()
    }
    assert told in await refusal(verifier(tmp_path), agent_token(**moved))


async def test_clocks_may_differ_by_the_leeway_and_no_more(tmp_path: Path) -> None:
    believer = verifier(tmp_path)
    for claims in ({"exp": time.time() - 3}, {"nbf": time.time() + 3}, {"aud": ["others", "flarego"]}):
        assert (await believer.authenticate(agent_token(**claims))).name == "agent-7"
    for claims in ({"exp": time.time() - 7}, {"nbf": time.time() + 7}):
        await refusal(believer, agent_token(**claims))


@pytest.mark.parametrize("token", ["", ".", "..", "a.b", "a.b.c", "é.é.é", "x" * 20_000, "eyJ" * 1000])
async def test_what_is_no_token_is_refused(tmp_path: Path, token: str) -> None:
    await refusal(verifier(tmp_path), token) if token else None


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text() | st.integers())
NAMES = st.sampled_from(["exp", "iss", "aud", "nbf", "iat", "ns", "scope", "sub", "jti", "x"])


@given(st.dictionaries(NAMES, VALUES) | VALUES, VALUES)
async def test_nothing_that_is_signed_or_not_makes_us_stumble(payload: object, alg: object) -> None:
    believer = JwtVerifier(_Secret(), CLAIMS)
    for header in ({"alg": alg}, {"alg": "HS256", "kid": alg}, alg):
        signed = f"{_part(header)}.{_part(payload)}"
        mac = hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).digest()
        with contextlib.suppress(Unauthenticated):
            await believer.authenticate(f"{signed}.{_b64(mac)}")


@pytest.mark.parametrize("exp", ["1e999", "9" * 400, "-1e999", "NaN", "[[[[" + "]]]]"])
async def test_times_beyond_all_numbers_are_refused(tmp_path: Path, exp: str) -> None:
    header, body = _part({"alg": "HS256"}), _b64(f'{{"iss": "{ISSUER}", "aud": "flarego", "exp": {exp}}}'.encode())
    mac = hmac.new(SECRET.encode(), f"{header}.{body}".encode(), hashlib.sha256).digest()
    await refusal(verifier(tmp_path), f"{header}.{body}.{_b64(mac)}")


async def test_a_key_that_a_token_brings_along_is_not_used(tmp_path: Path) -> None:
    theirs = ec.generate_private_key(ec.SECP256R1())
    claims = {"iss": ISSUER, "aud": "flarego", "exp": time.time() + 60, "ns": "*", "scope": "admin"}
    brought = {"jwk": jwk(theirs, None), "jku": "http://127.0.0.1:9/keys", "x5u": "http://127.0.0.1:9/"}
    await refusal(verifier(tmp_path, EC), jwt.encode(claims, theirs, "ES256", headers=brought))


class _Secret:
    async def find(self, algorithm: str, kid: str | None) -> list[Key]:
        return [Key(SECRET.encode(), "HS256")] if algorithm == "HS256" else []


@pytest.mark.parametrize("part", range(3))
async def test_a_token_that_was_changed_is_refused(tmp_path: Path, part: int) -> None:
    parts = agent_token().split(".")
    parts[part] = parts[part][:-4] + ("AAAA" if parts[part][-4:] != "AAAA" else "BBBB")
    await refusal(verifier(tmp_path), ".".join(parts))


@pytest.mark.parametrize(
    ("claims", "grants"),
    [
        ({"ns": None, "scope": "ingest"}, {"default": {"ingest"}}),
        ({"ns": "prod", "scope": ["ingest", "read"]}, {"prod": {"ingest", "read"}}),
        ({"ns": "a b", "scope": "ingest"}, {"a": {"ingest"}, "b": {"ingest"}}),
        ({"ns": ["A", "../b", "", 7, "c"], "scope": "ingest"}, {"c": {"ingest"}}),
        ({"ns": "prod", "scope": "superuser"}, {}),
        ({"ns": {"x": 1}, "scope": "ingest"}, {}),
        ({"ns": None, "scope": None}, {"kube": {"ingest"}}),
    ],
)
async def test_claims_become_grants(tmp_path: Path, claims: dict[str, Any], grants: dict[str, set[str]]) -> None:
    (tmp_path / "secret").write_text(SECRET)
    given = Claims(ISSUER, "flarego", grants={"kube": frozenset({Scope.INGEST})})
    believer = JwtVerifier(FileKeys([tmp_path / "secret"], secret_key), given)
    assert (await believer.authenticate(agent_token(**claims))).grants == grants


async def test_a_claim_may_lie_in_another_as_kubernetes_has_it(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET)
    given = Claims(ISSUER, "flarego", namespaces="kubernetes.io/namespace", scopes="https://example/scope")
    believer = JwtVerifier(FileKeys([tmp_path / "secret"], secret_key), given)
    token = agent_token(**{"kubernetes.io": {"namespace": "shop"}, "https://example/scope": "ingest"})
    assert (await believer.authenticate(token)).may(Scope.INGEST, "shop")


async def test_a_key_file_is_read_again_when_it_changes_and_kept_when_it_breaks(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    believer = verifier(tmp_path, EC)
    new = ec.generate_private_key(ec.SECP256R1())
    await refusal(believer, agent_token(new, "ES256"))
    (tmp_path / "next").write_bytes(pem(new))
    (tmp_path / "next").replace(tmp_path / "0.pem")
    assert (await believer.authenticate(agent_token(new, "ES256"))).name == "agent-7"
    await refusal(believer, agent_token(EC, "ES256"))
    (tmp_path / "0.pem").write_text("half a key")
    assert (await believer.authenticate(agent_token(new, "ES256"))).name == "agent-7"
    assert "going on with the keys there were" in caplog.text


def test_keys_that_cannot_be_are_told_at_the_start(tmp_path: Path) -> None:
    private = RSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    short = rsa.generate_private_key(65537, 1024)
    curve = ec.generate_private_key(ec.SECP384R1())
    for data in (private, pem(short), pem(curve), b"", b"\xff" * 100):
        with pytest.raises(BadSettings) as caught:
            pem_key(tmp_path / "k", data)
        assert "MII" not in caught.value.message
    with pytest.raises(BadSettings, match="32 or more"):
        secret_key(tmp_path / "k", b"short\n")
    with pytest.raises(BadSettings, match="cannot be read"):
        FileKeys([tmp_path / "missing"], pem_key)
    (tmp_path / "large").write_bytes(b"x" * (1 << 19))
    with pytest.raises(BadSettings, match="too large"):
        read_bounded(tmp_path / "large")


def jwk(key: Any, kid: str | None, **more: object) -> dict[str, object]:
    kind = {"RSAPublicKey": "RSA", "ECPublicKey": "EC", "Ed25519PublicKey": "OKP"}
    maker: Any = {
        "RSA": jwt.algorithms.RSAAlgorithm, "EC": jwt.algorithms.ECAlgorithm, "OKP": jwt.algorithms.OKPAlgorithm,
    }[next(name for known, name in kind.items() if known in type(key.public_key()).__name__)]  # fmt: skip
    made: dict[str, object] = maker.to_jwk(key.public_key(), as_dict=True)
    return made | ({"kid": kid} if kid else {}) | more


def test_only_what_can_verify_is_taken_from_a_jwks(tmp_path: Path) -> None:
    oct = {"kty": "oct", "k": _b64(SECRET.encode()), "kid": "o"}
    keys = [
        jwk(RSA, "r"), jwk(EC, "e"), jwk(ED, "d"), jwk(RSA, "enc", use="enc"), jwk(RSA, "alg", alg="PS256"), oct,
        {"kty": "RSA"}, {}, 7, jwk(rsa.generate_private_key(65537, 1024), "short"),
    ]  # fmt: skip
    found = parse_jwks(json.dumps({"keys": keys}).encode())
    assert [(key.id, key.algorithm) for key in found] == [("r", "RS256"), ("e", "ES256"), ("d", "EdDSA")]
    for data in (b"", b"[]", b"{}", b'{"keys": 7}', b"[" * 10_000, b"\xff"):
        with pytest.raises(BadSettings):
            jwks_keys(tmp_path, data)


class Publisher:
    """Publishes keys over HTTP, and counts who asks."""

    def __init__(self) -> None:
        self.keys: list[dict[str, object]] = []
        self.asked = 0
        self.answer: Callable[[], web.Response] | None = None

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        async def jwks(request: web.Request) -> web.Response:
            self.asked += 1
            return self.answer() if self.answer else web.json_response({"keys": self.keys})

        app = web.Application()
        app.router.add_get("/{path:.*}", jwks)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/jwks"
        finally:
            await runner.cleanup()


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_published_keys_rotate_and_made_up_ids_do_not_make_us_ask_for_each() -> None:
    publisher, clock = Publisher(), Clock()
    publisher.keys = [jwk(EC, "one")]
    async with publisher.serve() as url:
        believer = JwtVerifier(PublishedKeys(fetcher(url), clock), CLAIMS)
        for _ in range(5):
            assert (await believer.authenticate(agent_token(EC, "ES256", "one"))).name == "agent-7"
        assert publisher.asked == 1
        publisher.keys = [jwk(EC, "one"), jwk(ED, "two")]
        for i in range(20):
            await refusal(believer, agent_token(ED, "EdDSA", f"made up {i}"))
        assert publisher.asked == 1, "asked just now"
        clock.now += RETRY_S
        assert (await believer.authenticate(agent_token(ED, "EdDSA", "two"))).name == "agent-7"
        assert publisher.asked == 2
        publisher.keys = [jwk(ED, "two")]
        clock.now += RETRY_S
        await refusal(believer, agent_token(RSA, "RS256", "three"))
        await refusal(believer, agent_token(EC, "ES256", "one"))  # withdrawn


async def test_many_agents_that_come_at_once_wait_for_the_same_answer() -> None:
    import asyncio

    publisher = Publisher()
    publisher.keys = [jwk(EC, "one")]
    async with publisher.serve() as url:
        believer = JwtVerifier(PublishedKeys(fetcher(url)), CLAIMS)
        token = agent_token(EC, "ES256", "one")
        found: list[Principal] = await asyncio.gather(*(believer.authenticate(token) for _ in range(50)))
        assert len(found) == 50 and publisher.asked == 1


@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(status=500),
        lambda: web.Response(body=b"x" * (1 << 20)),
        lambda: web.Response(text="no json"),
        lambda: web.Response(status=302, headers={"Location": "http://localhost:1/elsewhere"}),
        lambda: web.Response(status=302, headers={"Location": "/again"}),
        lambda: web.json_response({"keys": "none"}),
    ],
    ids=["500", "a megabyte", "no json", "another host", "for ever", "no keys"],
)
async def test_what_is_no_answer_leaves_the_keys_there_were(answer: Callable[[], web.Response]) -> None:
    publisher, clock = Publisher(), Clock()
    publisher.keys = [jwk(EC, "one")]
    async with publisher.serve() as url:
        keys = PublishedKeys(fetcher(url), clock)
        believer = JwtVerifier(keys, CLAIMS)
        await believer.authenticate(agent_token(EC, "ES256", "one"))
        publisher.answer, clock.now = answer, clock.now + RETRY_S
        await refusal(believer, agent_token(ED, "EdDSA", "two"))
        assert keys.problem
        assert (await believer.authenticate(agent_token(EC, "ES256", "one"))).name == "agent-7"


@pytest.mark.parametrize("url", ["http://keys.example/jwks", "ftp://127.0.0.1/", "http://10.0.0.1/"])
def test_keys_are_fetched_over_https_only(url: str) -> None:
    with pytest.raises(BadSettings, match="https"):
        fetcher(url)


def _part(value: object) -> str:
    return _b64(json.dumps(value).encode())


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
