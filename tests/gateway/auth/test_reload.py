"""A reload: who may come in is decided anew, who is in stays, and what makes no sense changes nothing."""

from __future__ import annotations

from flarego.gateway.auth.principal import Scope
from gateway.auth.trusted import Served, agent_token


async def status_of(served: Served, token: str) -> int:
    return (await served.ask("/api/v1/processes", token)).status


async def test_agents_keys_and_claims_are_those_of_the_new_settings(served: Served) -> None:
    ours, others = agent_token(scope="read"), agent_token(scope="read", aud="others")
    assert (await status_of(served, ours), await status_of(served, others)) == (200, 401)
    (served.folder / "flarego.toml").write_text('[gateway]\njwt_audience = "others"\nallowed_origins = ["https://a.b"]\n')
    served.service.reload()
    assert (await status_of(served, ours), await status_of(served, others)) == (401, 200)
    assert served.service.trust.site.knows_origin("https://a.b", "x")
    assert [line["action"] for line in served.audited() if line["who"] == "SIGHUP"] == ["reload"]


async def test_a_browser_that_is_logged_in_stays_so(served: Served) -> None:
    cookie = {"Cookie": (await served.login(served.token())).headers["Set-Cookie"].split(";")[0]}
    (served.folder / "flarego.toml").write_text('[gateway]\nsession = "1h"\n')
    served.service.reload()
    assert (await served.ask("/api/v1/processes", headers=cookie)).status == 200


async def test_what_cannot_be_had_leaves_everything_as_it_was(served: Served) -> None:
    token = agent_token(scope="read")
    nonsense = 'proxy_grants = ["a=nonsense@b"]\nproxy_header = "X"\nproxy_from = ["::1"]'
    for wrong in ('jwt_jwks_file = "/missing"', nonsense):
        (served.folder / "flarego.toml").write_text(f'[gateway]\njwt_audience = "others"\n{wrong}\n')
        served.service.reload()
        assert await status_of(served, token) == 200
        metrics = await (await served.ask("/metrics", served.token())).text()
        assert "flarego_config_last_reload_successful 0" in metrics


async def test_the_audit_log_goes_on_in_a_new_file(served: Served) -> None:
    token = served.token(Scope.READ)
    await served.ask("/clip", token)
    (served.folder / "audit.log").rename(served.folder / "audit.log.1")
    served.service.reload()
    await served.ask("/clip", token)
    assert [line["action"] for line in served.audited()] == ["reload", "GET /clip"]
