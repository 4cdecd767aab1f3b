"""A process is asked about through any gateway, whichever its agent talks to."""

from __future__ import annotations

from aiohttp.test_utils import TestClient, TestServer

from flarego.gateway.api import add_query
from flarego.gateway.app import make_app
from flarego.gateway.auth import Access
from flarego.gateway.hub import Hub
from flarego.gateway.trust import Trust
from gateway.query.programs import INFO, Program
from gateway.redis.conftest import Replica, redis, replica, server  # noqa: F401 (fixtures)

FLAME = f"/api/v1/processes/{INFO.process}/flame"


def client_of(hub: Hub) -> TestClient:  # type: ignore[type-arg]
    app = make_app(hub, Trust(Access("secret")), parts=[lambda app: add_query(app, hub)])
    return TestClient(TestServer(app, host="127.0.0.1"), headers={"Authorization": "Bearer secret"})


async def test_what_another_gateway_takes_is_answered_here(replica: Replica) -> None:  # noqa: F811
    (one, _), (other, _) = await replica(), await replica()
    program = Program(stacks=20, generation=20)
    async with client_of(one) as here, client_of(other) as there:
        channel = await one.admit(INFO)
        one.publish(INFO, sequence=1)
        for number, chunk in enumerate(program.chunks(50), 2):
            one.publish(chunk, sequence=number)
        expected = await (await here.get(FLAME)).json()
        assert expected["chunks"] == 50
        answer: dict[str, object] = {}
        while answer.get("chunks") != 50:  # what is not written yet comes in a moment
            answer = await (await there.get(FLAME)).json()
        assert answer == expected
        listed = await (await there.get("/api/v1/processes")).json()
        assert [process["process"] for process in listed["processes"]] == [INFO.process]
        missing = await there.get(FLAME.replace(INFO.process, "nobody"))
        assert missing.status == 404
        assert channel.last == 51
