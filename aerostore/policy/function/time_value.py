"""Dates, times and intervals as text. Only ISO forms are read: others depend on settings or the clock."""

import re
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from aerostore.policy.function.failure import unsupported
from aerostore.policy.function.number_value import SPACE
from aerostore.policy.problem import EvaluationError
from aerostore.policy.value import DATE, INTERVAL, TIMESTAMP, TIMESTAMPTZ, Interval, Type

MICROSECONDS = {"hour": 3_600_000_000, "minute": 60_000_000, "second": 1_000_000}
DAY_MICROSECONDS = 24 * MICROSECONDS["hour"]
_LARGEST_INT32 = 2**31 - 1
_LARGEST_INT64 = 2**63 - 1

_DATE = r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
_CLOCK = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,6}))?)?"
_ZONE = r"(?:Z|(?P<sign>[+-])(?P<zone_hour>[0-9]{2})(?::?(?P<zone_minute>[0-9]{2}))?)"
_MOMENT = re.compile(rf"{_DATE}(?:[T ]{_CLOCK}(?: ?{_ZONE})?)?", re.IGNORECASE)

_UNITS = {
    **dict.fromkeys(("us", "usec", "usecs", "microsecond", "microseconds"), (0, 0, 1)),
    **dict.fromkeys(("ms", "msec", "msecs", "millisecond", "milliseconds"), (0, 0, 1000)),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), (0, 0, MICROSECONDS["second"])),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), (0, 0, MICROSECONDS["minute"])),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), (0, 0, MICROSECONDS["hour"])),
    **dict.fromkeys(("d", "day", "days"), (0, 1, 0)),
    **dict.fromkeys(("w", "week", "weeks"), (0, 7, 0)),
    **dict.fromkeys(("mon", "mons", "month", "months"), (1, 0, 0)),
    **dict.fromkeys(("y", "yr", "yrs", "year", "years"), (12, 0, 0)),
}
_SPAN = re.compile(r"([-+]?[0-9]{1,9}) *([a-z]+)", re.IGNORECASE)
_SPAN_CLOCK = re.compile(r"([-+]?)([0-9]{1,4}):([0-5][0-9])(?::([0-5][0-9])(?:\.([0-9]{1,6}))?)?")
_SPANS = re.compile(rf"(?:{_SPAN.pattern}(?: +|$))*(?:{_SPAN_CLOCK.pattern})?", re.IGNORECASE)


def read_timestamptz(text: str) -> datetime:
    """Read a moment; without a zone it is UTC. Raises: EvaluationError 22008; 0A000 for other forms."""
    found = _match_moment(TIMESTAMPTZ, text)
    return _shift(_to_datetime(found, text).replace(tzinfo=UTC), -_zone_offset(found, text), text)


def read_timestamp(text: str) -> datetime:
    """Read a date and time; a zone is ignored. Raises: EvaluationError 22008; 0A000 for other forms."""
    found = _match_moment(TIMESTAMP, text)
    _zone_offset(found, text)
    return _to_datetime(found, text)


def read_date(text: str) -> date:
    """Read a date; a time is ignored. Raises: EvaluationError 22008; 0A000 for other forms."""
    found = _match_moment(DATE, text)
    _zone_offset(found, text)
    return _to_datetime(found, text).date()


def read_interval(text: str) -> Interval:
    """Read numbers with units and a clock time at the end. Raises: EvaluationError 0A000 for other forms."""
    stripped = text.strip(SPACE)
    if not stripped or not _SPANS.fullmatch(stripped):
        raise _unsupported(INTERVAL, text)
    totals = [0, 0, 0]
    seen: set[str] = set()
    for amount, unit in _SPAN.findall(stripped):
        _add_span(totals, int(amount), unit.lower(), seen, text)
    clock = _SPAN_CLOCK.search(stripped)
    if clock:
        if totals[2]:
            raise _unsupported(INTERVAL, text)
        totals[2] += _clock_microseconds(clock)
    return fit_interval(*totals)


def fit_interval(months: int, days: int, microseconds: int) -> Interval:
    """Return the interval. Raises: EvaluationError 22008 when a unit does not fit."""
    if max(abs(months), abs(days)) > _LARGEST_INT32 or abs(microseconds) > _LARGEST_INT64:
        raise EvaluationError("22008", "interval out of range")
    return Interval(months, days, microseconds)


def write_timestamptz(value: datetime) -> str:
    """Write a moment as PostgreSQL does with time zone UTC."""
    return f"{write_timestamp(value.astimezone(UTC))}+00"


def write_timestamp(value: datetime) -> str:
    """Write a date and time in ISO style."""
    return f"{write_date(value)} {value:%H:%M:%S}{_fraction(value.microsecond)}"


def write_date(value: date) -> str:
    """Write a date in ISO style."""
    return f"{value.year:04d}-{value:%m-%d}"


def write_interval(value: Interval) -> str:
    """Write an interval in the style `postgres`: `1 year 2 mons 3 days 04:05:06`."""
    years, months = abs(value.months) // 12, abs(value.months) % 12
    sign = -1 if value.months < 0 else 1
    counted = ((sign * years, "year"), (sign * months, "mon"), (value.days, "day"))
    shown = [(amount, f"{amount} {unit}{'' if amount == 1 else 's'}") for amount, unit in counted if amount]
    if value.microseconds or not shown:
        shown.append((value.microseconds, _write_clock(value.microseconds)))
    return " ".join([shown[0][1], *(_signed(*pair) for pair in pairwise(shown))])


def _signed(before: tuple[int, str], current: tuple[int, str]) -> str:
    """Show a plus sign where a positive part follows a negative one."""
    return f"+{current[1]}" if before[0] < 0 < current[0] else current[1]


def _write_clock(microseconds: int) -> str:
    rest, micros = divmod(abs(microseconds), MICROSECONDS["second"])
    minutes, seconds = divmod(rest, 60)
    hours, minutes = divmod(minutes, 60)
    minus = "-" if microseconds < 0 else ""
    return f"{minus}{hours:02d}:{minutes:02d}:{seconds:02d}{_fraction(micros)}"


def _fraction(microseconds: int) -> str:
    return f".{microseconds:06d}".rstrip("0") if microseconds else ""


def _match_moment(type_: Type, text: str) -> re.Match[str]:
    found = _MOMENT.fullmatch(text.strip(SPACE))
    if not found:
        raise _unsupported(type_, text)
    return found


def _to_datetime(found: re.Match[str], text: str) -> datetime:
    year, month, day, hour, minute, second = (
        int(found[name] or 0) for name in ("year", "month", "day", "hour", "minute", "second")
    )
    if hour == 24 or second == 60:
        raise unsupported(f'"{text}": hour 24 and second 60')
    try:
        return datetime(year, month, day, hour, minute, second, int((found["fraction"] or "0").ljust(6, "0")))
    except ValueError as exc:
        raise _field_overflow(text) from exc


def _zone_offset(found: re.Match[str], text: str) -> timedelta:
    hours, minutes = int(found["zone_hour"] or 0), int(found["zone_minute"] or 0)
    if hours > 15 or minutes > 59:
        raise EvaluationError("22009", f'time zone displacement out of range: "{text}"')
    offset = timedelta(hours=hours, minutes=minutes)
    return -offset if found["sign"] == "-" else offset


def _shift(value: datetime, by: timedelta, text: str) -> datetime:
    try:
        return value + by
    except OverflowError as exc:
        raise unsupported(f'"{text}": years before 1 and after 9999') from exc


def _add_span(totals: list[int], amount: int, unit: str, seen: set[str], text: str) -> None:
    if unit not in _UNITS or unit in seen:
        raise _unsupported(INTERVAL, text)
    seen.add(unit)
    for index, factor in enumerate(_UNITS[unit]):
        totals[index] += amount * factor


def _clock_microseconds(clock: re.Match[str]) -> int:
    sign, hours, minutes, seconds, fraction = clock.groups(default="0")
    total = int(hours) * MICROSECONDS["hour"] + int(minutes) * MICROSECONDS["minute"]
    total += int(seconds) * MICROSECONDS["second"] + int(fraction.ljust(6, "0"))
    return -total if sign == "-" else total


def _field_overflow(text: str) -> EvaluationError:
    return EvaluationError("22008", f'date/time field value out of range: "{text}"')


def _unsupported(type_: Type, text: str) -> EvaluationError:
    return unsupported(f'{type_} input "{text}": only ISO 8601 dates, and intervals as numbers with units')
