"""Checks of the clock: tokens, signed URLs and grace periods are only as right as it is."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from aerostore.doctor.disk import probe_directory
from aerostore.doctor.finding import Finding, fail, ok, warn
from aerostore.settings import Settings

_FIRST_YEAR, _LAST_YEAR = 2026, 2099
_FILE_SYSTEM_TOLERANCE_S = 2.0
_STEP_TOLERANCE_S = 0.5
_ADVICE = "Let NTP or chrony set the clock."


@dataclass(frozen=True, slots=True)
class Clocks:
    """What both clocks showed at one moment, in seconds; `steady` never jumps."""

    wall: float
    steady: float


def read_clocks() -> Clocks:
    """Return what both clocks show now."""
    return Clocks(time.time(), time.monotonic())


def check_clock(settings: Settings, *, started: Clocks) -> Finding:
    """Compare the wall clock with the steady one since `started`, with the file system's, and with reason."""
    year = datetime.fromtimestamp(started.wall, UTC).year
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        return fail(f"the clock says it is the year {year}", _ADVICE)
    gap_s = _file_system_gap_s(settings)
    if abs(gap_s) > _FILE_SYSTEM_TOLERANCE_S:
        return fail(f"new files are dated {gap_s:+.1f} s from the clock", f"{_ADVICE} On both machines.")
    now = read_clocks()
    step_s = (now.wall - started.wall) - (now.steady - started.steady)
    if abs(step_s) > _STEP_TOLERANCE_S:
        return warn(f"the clock jumped by {step_s:+.1f} s while this ran", f"{_ADVICE} It should slew.")
    return ok(f"{datetime.fromtimestamp(now.wall, UTC):%Y-%m-%d %H:%M:%S} UTC, steady, as on the file system")


def _file_system_gap_s(settings: Settings) -> float:
    with probe_directory(settings) as directory:
        path = directory / "probe"
        path.touch()
        return path.stat().st_mtime - time.time()
