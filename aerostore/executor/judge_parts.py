"""What the judges share: which expression of a policy counts, and values as an explanation shows them."""

from collections.abc import Mapping

from aerostore.executor.judge import shortened
from aerostore.policy.describe.outline import Outline, Part, Value, valued
from aerostore.policy.describe.quoting import quoted_text
from aerostore.policy.describe.sql import to_text

_BARE_TYPES = ("boolean", "smallint", "integer", "bigint", "numeric", "double precision", "real")
_TRUTHS = {"t": True, "true": True, "f": False, "false": False}


def says_nothing(*, check: bool) -> str:
    """Return the reason why a policy without the needed expression does not count."""
    return f"it has no {'WITH CHECK' if check else 'USING'} expression, so it says nothing about this"


def value_of(text: str | None, type_name: str) -> Value:
    """Return a value from its text form, as PostgreSQL writes values of `type_name`."""
    if text is None:
        return Value(text="NULL")
    if type_name == "boolean":
        truth = _TRUTHS[text]
        return Value(text=str(truth).lower(), truth=truth)
    return Value(text=shortened(text) if type_name in _BARE_TYPES else quoted_text(shortened(text)))


def error_value(code: str, message: str) -> Value:
    """Return what stands for a value that could not be had."""
    error = f"{code}: {shortened(message)}"
    return Value(text=f"error {error}", error=error)


def texts_of(outlined: Outline) -> tuple[str, ...]:
    """List, each once, the expressions of which `part_of` needs the values."""
    return tuple(dict.fromkeys(to_text(each) for each in outlined.expressions()))


def part_of(outlined: Outline, values: Mapping[str, Value]) -> Part:
    """Return the outline with its values."""
    return valued(outlined, values)
