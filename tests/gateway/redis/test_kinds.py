"""Redis of other kinds: a cluster, and one behind TLS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.asyncio import RedisCluster
from wire.streams import INFO, Source

from flarego.gateway.hub import Hub
from flarego.gateway.redis.connect import Address
from flarego.gateway.redis.store import RedisStore
from gateway.redis.conftest import running, until
from gateway.redis.servers import Cluster, Server, binary
from gateway.redis.test_store import send, sequences


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if binary("redis-server") is None or binary("redis-cli") is None:
        pytest.skip("redis-server is not here; tests/system.sh unpacks it")
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        yield cluster.start()
    finally:
        cluster.kill()


async def test_a_cluster_keeps_each_namespace_on_one_node(cluster: Cluster) -> None:
    async with running(cluster.url) as (one, store), running(cluster.nodes[2].url) as (other, _):
        assert not store.troubles
        namespaces = ["default", "blue", "green", "staging"]
        channels = []
        for namespace in namespaces:
            channels.append(await one.admit(INFO, namespace=namespace))
            source = Source()
            for number in range(1, 6):
                one.publish(source.chunk(), namespace=namespace, sequence=number)
        await until(lambda: all(channel.durable == 5 for channel in channels))
        for namespace in namespaces:
            found = await other.follow(namespace, INFO.process)
            assert sequences(found) == [0, 1, 2, 3, 4]
            assert [listed.info.namespace for listed in await other.processes(namespace)] == [namespace]
        with other.subscribe(namespace="blue"):
            one.publish(source.chunk(), namespace="blue", sequence=6)
            await until(lambda: sequences(other.channel("blue", INFO.process)) == list(range(6)))
        client = RedisCluster("127.0.0.1", cluster.nodes[0].port)
        slots = {await client.cluster_keyslot(key) for key in await client.keys("*", target_nodes="primaries")}
        assert len(slots) == len(namespaces)
        await client.aclose()


async def test_a_node_of_a_cluster_that_is_away_is_said(cluster: Cluster) -> None:
    async with running(cluster.url) as (one, store):
        source = Source()
        channel = await one.admit(INFO, namespace="amber")
        one.publish(source.chunk(), namespace="amber", sequence=1)
        await until(lambda: channel.durable == 1)
        for node in cluster.nodes:
            node.pause()
        one.publish(source.chunk(), namespace="amber", sequence=2)
        await until(lambda: store.degraded and channel.durable == 2)
        for node in cluster.nodes:
            node.resume()
        await until(lambda: not store.troubles, 40)


def secured(folder: Path) -> tuple[Server, Path]:
    """Return a server that speaks TLS only, and what signed its certificate."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "redis")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = Server(folder)
    server.arguments = [
        "--port", "0", "--tls-port", str(server.port), "--tls-cert-file", "cert.pem", "--tls-key-file", "key.pem",
        "--tls-ca-cert-file", "cert.pem", "--tls-auth-clients", "no",
    ]  # fmt: skip
    return server, folder / "cert.pem"


async def test_tls_is_verified(tmp_path: Path) -> None:
    if binary("redis-server") is None:
        pytest.skip("redis-server is not here; tests/system.sh unpacks it")
    server, ca = secured(tmp_path)
    server.start()
    try:
        hub, url = Hub(), server.url.replace("redis:", "rediss:")
        store = RedisStore(hub, Address(url, ca=ca))
        await store.start()
        channel = await hub.admit(INFO)
        send(hub, Source(), 2)
        await until(lambda: channel.durable == 2)
        assert not store.troubles
        await store.close()
        stranger = RedisStore(Hub(), Address(url))
        await stranger.start()
        assert stranger.degraded and stranger.troubles
        await stranger.close()
    finally:
        server.kill()
