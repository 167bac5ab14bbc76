"""What one check found."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """FAIL: aerostore will not run, or not keep its promises. WARN: read it and decide."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict, what it rests on, and what to do about it; `advice` is empty when all is well."""

    verdict: Verdict
    message: str
    advice: str = ""


def ok(message: str) -> Finding:
    """Return a finding that needs nothing done."""
    return Finding(Verdict.OK, message)


def warn(message: str, advice: str) -> Finding:
    """Return a finding that somebody should know of."""
    return Finding(Verdict.WARN, message, advice)


def fail(message: str, advice: str) -> Finding:
    """Return a finding that must be mended."""
    return Finding(Verdict.FAIL, message, advice)
