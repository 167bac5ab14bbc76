"""The audit of dependencies fails on a flaw, and does not call silence a clean bill."""

import json
from collections.abc import Mapping

import pytest

from tests.house.audit import Audit, read_npm_audit, read_pip_audit, report

SOUND = {"name": "sound", "version": "1.0", "vulns": []}
FLAWED = {"name": "flawed", "version": "1.0", "vulns": [{"id": "CVE-2026-0001", "fix_versions": ["1.1"]}]}
SKIPPED = {"name": "unknown", "skip_reason": "Dependency not found and could not be audited"}


def pip_output(*packages: Mapping[str, object]) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


def test_a_flaw_is_named_and_fails_the_audit(capsys: pytest.CaptureFixture[str]) -> None:
    assert report([read_pip_audit(pip_output(SOUND, FLAWED))], require=False) == 1
    assert capsys.readouterr().err == "FLAW: flawed 1.0: CVE-2026-0001, fixed in 1.1\n"


def test_nothing_found_passes_in_silence(capsys: pytest.CaptureFixture[str]) -> None:
    assert report([read_pip_audit(pip_output(SOUND))], require=True) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "output", ["", "Traceback (most recent call last):", "[]", "{}", "null", pip_output()]
)
def test_a_list_that_cannot_be_reached_is_said_loudly(
    output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report([read_pip_audit(output)], require=False) == 0
    assert capsys.readouterr().err.startswith("NOT AUDITED: ")
    assert report([read_pip_audit(output)], require=True) == 1


def test_packages_that_the_list_does_not_know_are_not_clean() -> None:
    audit = read_pip_audit(pip_output(SKIPPED, SKIPPED, SOUND))
    assert audit == Audit(flaws=[], unaudited="2 of 3 Python packages")


@pytest.mark.parametrize("output", ["", '{"message":"405 Method Not Allowed","statusCode":405}', "{}", "[]"])
def test_npm_without_a_report_is_said_loudly(output: str) -> None:
    assert read_npm_audit(output).unaudited


def test_npm_flaws_fail_the_audit() -> None:
    sound = {"metadata": {"vulnerabilities": {"total": 0}}, "vulnerabilities": {}}
    flawed = {
        "metadata": {"vulnerabilities": {"total": 1}},
        "vulnerabilities": {"ws": {"severity": "high"}},
    }
    assert read_npm_audit(json.dumps(sound)) == Audit(flaws=[])
    assert read_npm_audit(json.dumps(flawed)).flaws == ["ws: high"]
