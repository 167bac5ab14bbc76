"""Functions and operators on dates, times and intervals. The session's time zone is UTC."""

from calendar import monthrange
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from typing import Any

from aerostore.policy.expression import Function
from aerostore.policy.function.failure import unsupported
from aerostore.policy.function.time_value import DAY_MICROSECONDS, fit_interval
from aerostore.policy.problem import EvaluationError
from aerostore.policy.value import (
    DATE,
    FLOAT8,
    INT4,
    INTERVAL,
    NUMERIC,
    TEXT,
    TIMESTAMP,
    TIMESTAMPTZ,
    Environment,
    Interval,
    Type,
)

_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
_FIELDS: Mapping[str, Callable[[datetime], int]] = {
    "year": attrgetter("year"),
    "quarter": lambda moment: (moment.month + 2) // 3,
    "month": attrgetter("month"),
    "day": attrgetter("day"),
    "hour": attrgetter("hour"),
    "minute": attrgetter("minute"),
    "dow": lambda moment: moment.isoweekday() % 7,
    "isodow": datetime.isoweekday,
    "doy": lambda moment: moment.timetuple().tm_yday,
}
_CLOCK_FIELDS = frozenset({"hour", "minute", "second"})
_TRUNCATIONS: Mapping[str, dict[str, int]] = {
    "year": {"month": 1, "day": 1, "hour": 0, "minute": 0, "second": 0, "microsecond": 0},
    "month": {"day": 1, "hour": 0, "minute": 0, "second": 0, "microsecond": 0},
    "day": {"hour": 0, "minute": 0, "second": 0, "microsecond": 0},
    "hour": {"minute": 0, "second": 0, "microsecond": 0},
    "minute": {"second": 0, "microsecond": 0},
    "second": {"microsecond": 0},
}


def _add_interval(moment: datetime, span: Interval) -> datetime:
    """Add months first, to the last day of a shorter month; then days; then the time."""
    try:
        shifted = _add_months(moment, span.months) + timedelta(days=span.days)
        return shifted + timedelta(microseconds=span.microseconds)
    except (OverflowError, ValueError) as exc:
        raise unsupported("years before 1 and after 9999") from exc


def _add_months(moment: datetime, months: int) -> datetime:
    if not months:
        return moment
    years, month = divmod(moment.month - 1 + months, 12)
    year = moment.year + years
    if not 1 <= year <= 9999:
        raise OverflowError
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))


def _subtract_interval(moment: datetime, span: Interval) -> datetime:
    return _add_interval(moment, _negate(span))


def _between(later: datetime, earlier: datetime) -> Interval:
    """Return the difference in days and time; never in months."""
    microseconds = (later - earlier) // _MICROSECOND
    days = abs(microseconds) // DAY_MICROSECONDS * (1 if microseconds > 0 else -1)
    return Interval(days=days, microseconds=microseconds - days * DAY_MICROSECONDS)


def _negate(span: Interval) -> Interval:
    return fit_interval(-span.months, -span.days, -span.microseconds)


def _add_intervals(left: Interval, right: Interval) -> Interval:
    return fit_interval(
        left.months + right.months, left.days + right.days, left.microseconds + right.microseconds
    )


def _subtract_intervals(left: Interval, right: Interval) -> Interval:
    return _add_intervals(left, _negate(right))


def _add_days(day: date, count: int) -> date:
    try:
        return day + timedelta(days=count)
    except OverflowError as exc:
        raise unsupported("years before 1 and after 9999") from exc


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)


def _extract(field: str, moment: date) -> Decimal:
    """Return a field of a date or time. Raises: EvaluationError 22023; 0A000 for fields not offered."""
    wanted = field.lower()
    if type(moment) is date and wanted in _CLOCK_FIELDS:
        raise EvaluationError("0A000", f'unit "{field}" not supported for type date')
    at = moment if isinstance(moment, datetime) else _midnight(moment)
    if wanted == "epoch":
        microseconds = (at.replace(tzinfo=None) - _EPOCH) // _MICROSECOND
        return _scaled(microseconds, 6 if isinstance(moment, datetime) else 0)
    if wanted == "second":
        return _scaled(at.second * 1_000_000 + at.microsecond, 6)
    return Decimal(_field(field, _FIELDS)(at))


def _scaled(microseconds: int, scale: int) -> Decimal:
    return Decimal(microseconds).scaleb(-6).quantize(Decimal(1).scaleb(-scale))


def _date_part(field: str, moment: date) -> float:
    return float(_extract(field, moment if isinstance(moment, datetime) else _midnight(moment)))


def _truncate(field: str, moment: datetime) -> datetime:
    return moment.replace(**_field(field, _TRUNCATIONS))


def _field(name: str, known: Mapping[str, Any]) -> Any:
    if name.lower() in known:
        return known[name.lower()]
    raise unsupported(f'date/time unit "{name}"')


def _now(environment: Environment) -> datetime:
    return environment.now.astimezone(UTC)


def _clock(name: str, returns: Type, read: Callable[[datetime], date]) -> Function:
    return Function(
        name=name,
        parameters=(),
        returns=returns,
        run=lambda environment: read(_now(environment)),
        reads_environment=True,
    )


def _function(
    name: str, parameters: tuple[Type, ...], returns: Type, run: Callable[..., Any], *, may_raise: bool = True
) -> Function:
    return Function(name=name, parameters=parameters, returns=returns, run=run, may_raise=may_raise)


def _moment_operators(type_: Type) -> tuple[Function, ...]:
    return (
        _function("+", (type_, INTERVAL), type_, _add_interval),
        _function("+", (INTERVAL, type_), type_, lambda span, moment: _add_interval(moment, span)),
        _function("-", (type_, INTERVAL), type_, _subtract_interval),
        _function("-", (type_, type_), INTERVAL, _between, may_raise=False),
    )


_DATE_OPERATORS = (
    _function("+", (DATE, INT4), DATE, _add_days),
    _function("+", (INT4, DATE), DATE, lambda count, day: _add_days(day, count)),
    _function("-", (DATE, INT4), DATE, lambda day, count: _add_days(day, -count)),
    _function("-", (DATE, DATE), INT4, lambda later, earlier: (later - earlier).days, may_raise=False),
    _function("+", (DATE, INTERVAL), TIMESTAMP, lambda day, span: _add_interval(_midnight(day), span)),
    _function("+", (INTERVAL, DATE), TIMESTAMP, lambda span, day: _add_interval(_midnight(day), span)),
    _function("-", (DATE, INTERVAL), TIMESTAMP, lambda day, span: _subtract_interval(_midnight(day), span)),
)

OPERATORS = (
    *_moment_operators(TIMESTAMPTZ),
    *_moment_operators(TIMESTAMP),
    *_DATE_OPERATORS,
    _function("+", (INTERVAL, INTERVAL), INTERVAL, _add_intervals),
    _function("-", (INTERVAL, INTERVAL), INTERVAL, _subtract_intervals),
    _function("-", (INTERVAL,), INTERVAL, _negate),
)

_MOMENTS = (TIMESTAMPTZ, TIMESTAMP)

FUNCTIONS = (
    *(
        _clock(name, TIMESTAMPTZ, lambda now: now)
        for name in ("now", "transaction_timestamp", "current_timestamp")
    ),
    _clock("localtimestamp", TIMESTAMP, lambda now: now.replace(tzinfo=None)),
    _clock("current_date", DATE, datetime.date),
    *(_function("extract", (TEXT, type_), NUMERIC, _extract) for type_ in (*_MOMENTS, DATE)),
    *(_function("date_part", (TEXT, type_), FLOAT8, _date_part) for type_ in (*_MOMENTS, DATE)),
    *(_function("date_trunc", (TEXT, type_), type_, _truncate) for type_ in _MOMENTS),
)
