"""Settings: which goes before which, where each came from, and everything that can be wrong with them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from flarego.cli.main import flarego
from flarego.config import AgentSettings, GatewaySettings, Loaded, load
from flarego.config.kind import BYTES, NETWORK, NUMBER, SECONDS, URL, Kind, several
from flarego.config.table import table
from flarego.errors import BadSettings, ListenFailed

FLAREGO = Path(sys.executable).parent / "flarego"


def settings(
    file: str = "", *, environ: dict[str, str] | None = None, folder: Path | None = None, **flags: object
) -> Loaded[GatewaySettings]:
    """Return the settings of a file's text, an environment and flags; nothing of this machine's."""
    if folder is not None:
        (folder / "flarego.toml").write_text(file)
    return load(GatewaySettings, flags, config=folder and folder / "flarego.toml", environ=environ or {})


def test_a_flag_goes_before_the_environment_before_the_file_before_the_default(tmp_path: Path) -> None:
    file = '[gateway]\nlisten = ":1"\nlimit_agents = 1\nretention = "1m"\nredis = "redis://a:1"\n'
    environ = {"FLAREGO_GATEWAY_LISTEN": ":2", "FLAREGO_GATEWAY_LIMIT_AGENTS": "2", "FLAREGO_GATEWAY_DRAIN": ""}
    loaded = settings(file, environ=environ, folder=tmp_path, listen=":3")
    found, path = loaded.settings, str(tmp_path / "flarego.toml")
    assert (found.listen, loaded.origins["listen"]) == (":3", "flag")
    assert (found.limit_agents, loaded.origins["limit_agents"]) == (2, "FLAREGO_GATEWAY_LIMIT_AGENTS")
    assert (found.retention, loaded.origins["retention"]) == (60.0, path)
    assert (found.drain, loaded.origins["drain"]) == (10.0, "default"), "an empty variable says nothing"


def test_a_file_in_the_usual_places_is_read_and_one_that_is_named_is_read_instead(tmp_path: Path) -> None:
    (tmp_path / "flarego").mkdir()
    (tmp_path / "flarego/flarego.toml").write_text("[gateway]\nlimit_agents = 5\n")
    home = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert load(GatewaySettings, environ=home).settings.limit_agents == 5
    (tmp_path / "other.toml").write_text("[gateway]\n[agent]\n")
    named = home | {"FLAREGO_CONFIG": str(tmp_path / "other.toml")}
    assert load(GatewaySettings, environ=named).settings.limit_agents == 1000


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("[gateway]\nlisten_on = 1\n", ["listen_on", "did you mean listen?"]),
        ("[gateway]\nlimit-agents = 1\n", ["did you mean limit_agents?"]),
        ("[gatewy]\n", ["[gatewy]", "did you mean gateway?"]),
        ("listen = 1\n", ["no section [listen]"]),
        ("gateway = 1\n", ["write [gateway]"]),
        ("[gateway]\nlimit_agents = true\n", ["limit_agents: write N"]),
        ("[gateway]\nlimit_agents = -1\n", ["whole number"]),
        ("[gateway]\ninsecure = 1\n", ["insecure"]),
        ("[gateway]\nretention = 'soon'\n", ["write a time"]),
        ("[gateway]\nretention_bytes = '1 XB'\n", ["write a size"]),
        ("[gateway]\nlog_level = 'loud'\n", ["choose one of debug, info"]),
        ("[gateway]\nproxy_from = ['10.0.0.0/99']\nproxy_header = 'X'\n", ["write an address or a network"]),
        ("[gateway]\nredis = 'redis://u:secret@h'\n", ["a password is no part of it"]),
        ("[gateway]\nlisten = \n", ["is no TOML"]),
        ("[gateway]\nlisten = [1]\n", ["listen"]),
        ("a = " + "[" * 5000, ["is no TOML"]),
        ("[gateway]\nnonsense = 1\nlimit_agents = 'x'\ndrain = 'y'\n", ["nonsense", "limit_agents", "drain"]),
        ("[gateway]\ntls_cert = 'a'\n", ["go together"]),
        ("[gateway]\njwt_secret_file = 'a'\n", ["--jwt-issuer"]),
        ("[gateway]\nproxy_header = 'X'\n", ["--proxy-from"]),
        ("[gateway]\nproxy_grants = ['all']\n", ["write GROUP=SCOPE@NAMESPACE"]),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_what_is_wrong_is_told_all_at_once_with_what_would_do(file: str, told: list[str], tmp_path: Path) -> None:
    with pytest.raises(BadSettings) as caught:
        settings(file, folder=tmp_path)
    for part in told:
        assert part in caught.value.message
    assert "secret" not in caught.value.message.replace("jwt_secret_file", "")


def test_a_variable_that_is_none_of_ours_is_told_but_for_those_kubernetes_sets() -> None:
    with pytest.raises(BadSettings, match="did you mean FLAREGO_GATEWAY_LIMIT_AGENTS"):
        settings(environ={"FLAREGO_GATEWAY_LIMIT_AGENT": "1"})
    links = ["SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_GRPC", "PORT", "PORT_4317_TCP", "PORT_4317_TCP_ADDR"]
    settings(environ={f"FLAREGO_GATEWAY_{name}": "tcp://10.0.0.1:4317" for name in links} | {"FLAREGO_LISTEN": "x"})


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.toml", tmp_path):
        with pytest.raises(BadSettings, match="cannot be read"):
            load(GatewaySettings, config=path, environ={})
    (tmp_path / "large").write_bytes(b"#" * (2 << 20))
    with pytest.raises(BadSettings, match="larger"):
        load(GatewaySettings, config=tmp_path / "large", environ={})
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(BadSettings, match="no TOML"):
        load(GatewaySettings, config=tmp_path / "binary", environ={})


@pytest.mark.parametrize("kind", [GatewaySettings, AgentSettings])
def test_every_setting_has_a_help_a_name_and_a_default_that_is_one(kind: type) -> None:
    names = [one.name for one in table(kind)]
    assert len(set(names)) == len(names) > 10
    for one in table(kind):
        assert one.help.endswith(".") and one.flag.startswith("--")
        if one.default not in (None, (), False):
            assert one.kind.read(one.written(one.default)) == one.default, one.name


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (SECONDS, "500ms", 0.5), (SECONDS, "7d", 604800.0), (SECONDS, 1.5, 1.5), (SECONDS, "90", 90.0),
        (BYTES, "64MiB", 64 << 20), (BYTES, "1.5 kB", 1500), (BYTES, 7, 7), (NUMBER, "1_000", 1000),
        (NETWORK, "10.1.2.3/8", "10.0.0.0/8"), (NETWORK, "::1", "::1/128"), (URL, "rediss://h:1/0", "rediss://h:1/0"),
        (several(NUMBER), "1, 2,", (1, 2)), (several(NETWORK), ["::1", "10.0.0.1"], ("::1/128", "10.0.0.1/32")),
    ],
)  # fmt: skip
def test_values_are_written_as_people_write_them(kind: Kind, text: object, value: object) -> None:
    assert kind.read(text) == value


@given(st.text(), st.sampled_from(table(GatewaySettings)))
def test_whatever_is_said_is_taken_or_refused_in_one_line(text: str, one: object) -> None:
    try:
        one.kind.read(text)  # type: ignore[attr-defined]
    except ValueError as e:
        assert len(str(e).splitlines()) <= 1


def check(*arguments: str, **environ: str) -> tuple[int, str]:
    clean = {name: "" for name in os.environ if name.startswith("FLAREGO_")}
    result = CliRunner().invoke(flarego, ["gateway", "--check", *arguments], env=clean | environ)
    told = result.exception.message if isinstance(result.exception, BadSettings) else ""  # main() would print it
    code = result.exception.exit_code if isinstance(result.exception, BadSettings) else result.exit_code
    return code, result.output + told


def test_check_prints_a_file_that_means_the_same_with_every_origin(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[gateway]\nlimit_agents = 7\nallowed_hosts = ['a.example', 'b.example']\n")
    code, output = check("--config", str(tmp_path / "a.toml"), "--drain", "3s", FLAREGO_GATEWAY_RETENTION="20m")
    assert code == 0
    for line in ("limit_agents = 7", 'drain = "3s"', 'retention = "20m"', "# tokens is not set"):
        assert line in output
    assert f"# {tmp_path}/a.toml" in output and "# flag" in output and "# FLAREGO_GATEWAY_RETENTION" in output
    assert set(tomllib.loads(output)) == {"gateway"}
    (tmp_path / "b.toml").write_text(output)
    again = load(GatewaySettings, config=tmp_path / "b.toml", environ={}).settings
    assert (again.limit_agents, again.drain, again.retention) == (7, 3.0, 1200.0)
    assert again.allowed_hosts == ("a.example", "b.example")


def test_check_sees_whether_what_is_set_can_be_had(tmp_path: Path) -> None:
    assert check("--jwt-key-files", str(tmp_path / "none.pem"), "--jwt-issuer", "x")[0] == 10
    (tmp_path / "secret").write_text("a secret of thirty-two characters.")
    code, output = check("--jwt-secret-file", str(tmp_path / "secret"), "--jwt-issuer", "x")
    assert code == 0 and "thirty" not in output


@pytest.mark.parametrize("listen", [":0", "0.0.0.0:0", "[::]:0"])
def test_listening_to_everybody_without_tls_or_authentication_is_refused(listen: str, tmp_path: Path) -> None:
    for more in ([], ["--tokens", str(tmp_path / "t")]):
        for when in ([], ["--check"]):
            result = CliRunner().invoke(flarego, ["gateway", "--listen", listen, *more, *when])
            assert isinstance(result.exception, ListenFailed)
            assert "TLS" in result.exception.message and "--insecure" in (result.exception.remedy or "")


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A gateway, and where it is."""
    process = subprocess.Popen(
        [FLAREGO, "gateway", "--listen", "127.0.0.1:0", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        first = next(line for line in process.stdout if "listening on" in line)
        yield process, "http://" + first.split()[-1]
    finally:
        process.terminate()
        assert process.wait(20) == 0


def test_sighup_takes_what_makes_sense_and_keeps_what_was_when_it_does_not(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    tokens = tmp_path / "tokens.json"
    token = CliRunner().invoke(flarego, ["token", "create", "--name", "a", "--tokens", str(tokens)]).stdout.strip()

    def metric(url: str, name: str) -> str:
        asked = Request(f"{url}/metrics", headers={"Authorization": f"Bearer {token}"})
        return next(line for line in urlopen(asked, timeout=5).read().decode().splitlines() if line.startswith(name))

    def becomes(url: str, line: str) -> None:
        deadline = time.monotonic() + 10
        while metric(url, line.rpartition(" ")[0]) != line:
            assert time.monotonic() < deadline, metric(url, line.rpartition(" ")[0])
            time.sleep(0.02)

    file.write_text(f'[gateway]\ntokens = "{tokens}"\nlimit_agents = 5\n')
    with running("--config", str(file)) as (process, url):
        becomes(url, 'flarego_limit{limit="agents"} 5')
        file.write_text(f'[gateway]\ntokens = "{tokens}"\nlimit_agents = 6\nretention = "1m"\n')
        process.send_signal(signal.SIGHUP)
        becomes(url, 'flarego_limit{limit="agents"} 6')
        file.write_text(f'[gateway]\ntokens = "{tokens}"\nlimit_agents = 7\nnonsense = 1\n')
        process.send_signal(signal.SIGHUP)
        becomes(url, "flarego_config_last_reload_successful 0")
        assert metric(url, 'flarego_limit{limit="agents"}').endswith(" 6")
        file.write_text(f'[gateway]\ntokens = "{tokens}"\nlimit_agents = 8\n')
        process.send_signal(signal.SIGHUP)
        becomes(url, "flarego_config_last_reload_successful 1")
        becomes(url, 'flarego_limit{limit="agents"} 8')


def test_without_settings_it_listens_here_and_prints_an_address_with_a_token() -> None:
    with running() as (process, url):
        assert process.stdout is not None
        page = next(line for line in process.stdout if "?token=" in line).split()[-1]
        assert page.startswith(url)
        bearer = {"Authorization": f"Bearer {page.partition('token=')[2]}"}
        assert urlopen(Request(url, headers=bearer), timeout=5).status == 200
