"""Compare what is installed with the public lists of flaws: `make audit`.

Says NOT AUDITED, loudly, when no list can be reached: silence would read like "nothing found". Exits with 1
on a flaw, and with --require also when something went unaudited.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 120
# Asked per package at the registry instead, a mirror without advisories looks like one without flaws.
PIP_AUDIT = ("-m", "pip_audit", "--local", "--skip-editable", "--vulnerability-service", "osv")
QUIETLY = ("--timeout", "5", "--progress-spinner", "off", "--format", "json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What one list said. flaws: one line each. unaudited: why, for what could not be looked up."""

    flaws: Sequence[str] = field(default=())
    unaudited: str = ""


def read_pip_audit(output: str) -> Audit:
    """Read the JSON of pip-audit; anything else means that the list was not reached."""
    try:
        packages = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return Audit(unaudited="the list of Python flaws cannot be reached")
    flaws = [_line_of(package, flaw) for package in packages for flaw in package.get("vulns", ())]
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    if skipped or not packages:
        return Audit(flaws=flaws, unaudited=f"{len(skipped)} of {len(packages)} Python packages")
    return Audit(flaws=flaws)


def _line_of(package: Mapping[str, Any], flaw: Mapping[str, Any]) -> str:
    fixed = ", ".join(flaw["fix_versions"]) or "no version yet"
    return f"{package['name']} {package['version']}: {flaw['id']}, fixed in {fixed}"


def read_npm_audit(output: str) -> Audit:
    """Read the JSON of npm audit; one without counts means that the list was not reached."""
    try:
        report = json.loads(output)
        total = report["metadata"]["vulnerabilities"]["total"]
    except (ValueError, KeyError, TypeError):
        return Audit(unaudited="the list of npm flaws cannot be reached")
    named = [f"{name}: {flaw['severity']}" for name, flaw in report.get("vulnerabilities", {}).items()]
    return Audit(flaws=named or [f"{total} flaws"] * min(total, 1))


def audit_python() -> Audit:
    """Ask about every package of this interpreter."""
    return read_pip_audit(_output_of([sys.executable, *PIP_AUDIT, *QUIETLY], ROOT))


def audit_node() -> Audit:
    """Ask about the packages that the JavaScript client is tested with."""
    if shutil.which("npm") is None:
        return Audit(unaudited="npm is not installed")
    return read_npm_audit(_output_of(["npm", "audit", "--json"], ROOT / "tests/contract/js"))


def _output_of(command: Sequence[str], folder: Path) -> str:
    run = partial(subprocess.run, cwd=folder, capture_output=True, text=True, check=False)
    try:
        return str(run(command, timeout=TIMEOUT_S).stdout)
    except subprocess.TimeoutExpired:
        return ""


def report(audits: Sequence[Audit], *, require: bool) -> int:
    """Print what was found and what was not looked at; return the exit status."""
    for audit in audits:
        for flaw in audit.flaws:
            print(f"FLAW: {flaw}", file=sys.stderr)
        if audit.unaudited:
            print(f"NOT AUDITED: {audit.unaudited}", file=sys.stderr)
    if any(audit.flaws for audit in audits):
        return 1
    return 1 if require and any(audit.unaudited for audit in audits) else 0


if __name__ == "__main__":
    sys.exit(report([audit_python(), audit_node()], require="--require" in sys.argv[1:]))
