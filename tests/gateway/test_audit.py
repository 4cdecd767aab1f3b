"""The audit log: complete, on one line each, chained, and without secrets."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from flarego.cli.audit import Broken
from flarego.cli.main import flarego
from flarego.errors import BadSettings
from flarego.gateway.audit import AuditFile, broken
from flarego.gateway.auth.principal import Principal, Scope
from flarego.gateway.policy import Forbidden, Rule, check
from gateway.auth.trusted import Served, serve

ANN = Principal("ann", "token", {"prod": frozenset({Scope.READ})}, key="token:0123456789ab")


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def test_what_was_allowed_and_what_was_refused_is_written_down(tmp_path: Path) -> None:
    audit = AuditFile(tmp_path / "audit")
    check(ANN, Rule(Scope.READ), "prod", "GET /clip", "api-7", audit=audit, peer="10.0.0.1", request_id="r1")
    check(ANN, Rule(Scope.READ, audited=False), "prod", "GET /x", "api-7", audit=audit)
    with pytest.raises(Forbidden):
        check(ANN, Rule(Scope.READ, audited=False), "dev", "GET /x", "api-7", audit=audit, peer="10.0.0.1")
    first, second = [json.loads(line) for line in lines(tmp_path / "audit")]
    assert {name: value for name, value in first.items() if name not in ("time", "previous")} == {
        "who": "ann", "kind": "token", "key": "0123456789ab", "action": "GET /clip", "target": "api-7",
        "namespace": "prod", "from": "10.0.0.1", "outcome": "allowed", "request": "r1",
    }  # fmt: skip
    assert (second["outcome"], second["namespace"]) == ("refused", "dev")
    assert stat.S_IMODE((tmp_path / "audit").stat().st_mode) == 0o600


def test_a_line_that_was_changed_or_taken_out_shows(tmp_path: Path) -> None:
    path = tmp_path / "audit"
    audit = AuditFile(path)
    for i in range(5):
        audit.write(ANN, f"action {i}", "", "prod", "", "allowed")
    audit.close()
    AuditFile(path).write(ANN, "after a restart", "", "prod", "", "allowed")
    whole = lines(path)
    assert broken(whole) is None
    assert broken(whole[:2] + whole[3:]) == 3
    assert broken([whole[0], whole[1].replace(b"allowed", b"refused"), *whole[2:]]) == 3
    assert broken([whole[1], whole[0], *whole[2:]]) == 2
    assert broken([*whole, b"garbage\n"]) == 7
    assert broken(whole[2:]) is None, "the first may follow one in a file before"


def test_the_command_line_tells_where_a_log_was_tampered_with(tmp_path: Path) -> None:
    audit = AuditFile(tmp_path / "old")
    for i in range(3):
        audit.write(ANN, f"action {i}", "", "", "", "allowed")
    whole = lines(tmp_path / "old")
    (tmp_path / "new").write_bytes(whole[2])
    (tmp_path / "old").write_bytes(b"".join(whole[:2]))
    files = [str(tmp_path / "old"), str(tmp_path / "new")]
    fine = CliRunner().invoke(flarego, ["audit", *files])
    assert (fine.exit_code, fine.output) == (0, "3 lines, whole\n")
    (tmp_path / "old").write_bytes(whole[0])
    result = CliRunner().invoke(flarego, ["audit", *files])
    assert isinstance(result.exception, Broken) and "new, line 1" in result.exception.message


def test_it_goes_on_in_a_new_file_after_the_old_one_was_moved(tmp_path: Path) -> None:
    path = tmp_path / "audit"
    audit = AuditFile(path)
    audit.write(ANN, "one", "", "", "", "allowed")
    path.rename(tmp_path / "audit.1")
    audit.write(ANN, "two", "", "", "", "allowed")
    audit.reopen()
    audit.write(ANN, "three", "", "", "", "allowed")
    assert broken(lines(tmp_path / "audit.1") + lines(path)) is None
    assert b"three" in path.read_bytes()


def test_a_line_that_was_cut_short_spoils_none_that_follows(tmp_path: Path) -> None:
    path = tmp_path / "audit"
    AuditFile(path).write(ANN, "one", "", "", "", "allowed")
    with path.open("ab") as file:
        file.write(b'{"time": 17')
    AuditFile(path).write(ANN, "two", "", "", "", "allowed")
    assert json.loads(lines(path)[-1])["action"] == "two"
    assert broken(lines(path)) == 2, "and it shows"


@given(st.text(max_size=600))
def test_no_name_makes_a_line_of_its_own(text: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "audit"
        audit = AuditFile(path)
        audit.write(Principal(text, text, {}, key=f"token:{text}"), text, text, text, text, "allowed", request_id=text)
        audit.write(ANN, "next", "", "", "", "allowed")
        audit.close()
        found = lines(path)
        assert len(found) == 2 and broken(found) is None
        assert found[0].isascii()
        assert json.loads(found[0])["who"] == text[:256]


def test_a_file_that_cannot_be_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(BadSettings):
        AuditFile(tmp_path / "no" / "such" / "folder")


def test_a_full_disk_is_told_and_stops_nobody(tmp_path: Path) -> None:
    audit = AuditFile(tmp_path / "audit")
    os.dup2(os.open("/dev/full", os.O_WRONLY), audit._file)
    audit.write(ANN, "one", "", "", "", "allowed")
    assert "No space" in audit.problem


async def test_every_way_in_is_audited_and_no_secret_is(served: Served) -> None:
    token = served.token(name="ann \"forged\"")
    await served.login(token)
    await served.ask("/clip?process=api-7", token)
    await served.ask("/clip?namespace=elsewhere", token)
    await served.ask("/clip?token=" + token)
    await served.ask("/clip", "flg_000000000000_" + "x" * 43)
    found = served.audited()
    assert [(line["action"], line["outcome"]) for line in found] == [
        ("login", "allowed"),
        ("GET /clip", "allowed"),
        ("GET /clip", "refused"),
        ("GET /clip", "allowed"),
        ("GET /clip", "unauthenticated"),
    ]
    assert found[1]["target"] == "api-7" and found[0]["who"] == "ann \"forged\""
    assert len({line["request"] for line in found}) == 5
    text = (served.folder / "audit.log").read_text()
    assert token not in text and token.split("_", 2)[2] not in text and "x" * 43 not in text
    assert broken(lines(served.folder / "audit.log")) is None


@pytest.fixture
async def served(tmp_path: Path):  # type: ignore[no-untyped-def]
    async with serve(tmp_path) as served:
        yield served
