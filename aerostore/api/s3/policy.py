"""The policy of a browser's form upload: what its author lets the form say. Pure.

Source: Amazon S3 API Reference, "POST policy". Nothing here is about the policies on rows.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from aerostore.api.s3.fault import S3Fault
from aerostore.domain import printable

_RANGE = "content-length-range"
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z", re.ASCII)
# What a condition cannot be about, because it is the policy, its signature or the file itself.
_NEEDS_NO_CONDITION = {"policy", "x-amz-signature", "file"}
_IGNORED = "x-ignore-"
_ESCAPE = re.compile(rb"\\.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Condition:
    """What one field must be. operator: `eq` or `starts-with`; field: in lower case."""

    operator: str
    field: str
    value: str

    def holds(self, given: str) -> bool:
        """Tell whether the field may have the value `given`."""
        return given == self.value if self.operator == "eq" else given.startswith(self.value)

    def __str__(self) -> str:
        return orjson.dumps([self.operator, f"${self.field}", self.value]).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class PostPolicy:
    """What a form may say until `expires_at`. The file must have least_bytes to most_bytes."""

    expires_at: datetime
    conditions: Sequence[Condition]
    least_bytes: int = 0
    most_bytes: int | None = None

    def check(self, fields: Mapping[str, str], now: datetime) -> None:
        """Refuse a form that says what the policy does not let it.

        fields: those before the file, by lower-case name, and `bucket`.
        Raises: S3Fault AccessDenied.
        """
        if now >= self.expires_at:
            raise _refused("Policy expired.", hint="Get a new form from whoever signed this one.")
        for condition in self.conditions:
            if not condition.holds(fields.get(condition.field, "")):
                raise _refused(f"Policy Condition failed: {printable(str(condition), 300)}")
        covered = {condition.field for condition in self.conditions} | _NEEDS_NO_CONDITION
        extra = sorted(name for name in fields if name not in covered and not name.startswith(_IGNORED))
        if extra:
            raise _refused(
                f"Extra input fields: {printable(', '.join(extra), 300)}",
                hint="Name each field of the form in a condition of the policy.",
            )

    def check_size(self, size_bytes: int, *, is_whole: bool) -> None:
        """Refuse a file that has come this far, or is as long as this. Raises: S3Fault."""
        if self.most_bytes is not None and size_bytes > self.most_bytes:
            raise S3Fault(
                "EntityTooLarge",
                "Your proposed upload exceeds the maximum allowed size",
                details={"MaxSizeAllowed": str(self.most_bytes)},
            )
        if is_whole and size_bytes < self.least_bytes:
            raise S3Fault(
                "EntityTooSmall",
                "Your proposed upload is smaller than the minimum allowed size",
                details={"ProposedSize": str(size_bytes), "MinSizeAllowed": str(self.least_bytes)},
            )


def parse_policy(encoded: str) -> PostPolicy:
    """Read a policy: JSON in base64. Raises: S3Fault InvalidPolicyDocument."""
    document = _document(encoded)
    given = document.get("conditions")
    if not isinstance(given, list) or not given:
        raise _invalid("Policy missing conditions.")
    ranges = [_range(each) for each in given if _is_range(each)]
    return PostPolicy(
        expires_at=_expiration(document.get("expiration")),
        conditions=tuple(condition for each in given for condition in _conditions(each)),
        least_bytes=max((least for least, _most in ranges), default=0),
        most_bytes=min((most for _least, most in ranges), default=None),
    )


def _as_json(escape: re.Match[bytes]) -> bytes:
    """Return an escape as JSON has it; one of a dollar is S3's own, where none begins a variable."""
    return b"$" if escape[0] == b"\\$" else escape[0]


def _document(encoded: str) -> dict[str, Any]:
    try:
        document = orjson.loads(_ESCAPE.sub(_as_json, base64.b64decode(encoded, validate=True)))
    except (binascii.Error, ValueError):
        raise _invalid("Invalid JSON, or not base64.") from None
    if not isinstance(document, dict):
        raise _invalid("Invalid JSON: an object is needed.")
    return document


def _expiration(given: object) -> datetime:
    if given is None:
        raise _invalid("Policy missing expiration.")
    try:
        if isinstance(given, str) and _TIME.fullmatch(given):
            return datetime.fromisoformat(given)
    except ValueError:
        pass
    raise _invalid("Invalid 'expiration' value; expecting a time such as 2026-01-31T12:00:00.000Z")


def _conditions(given: object) -> Iterator[Condition]:
    """Yield what an entry of the list demands of fields; a range demands nothing of them."""
    if _is_range(given):
        return
    if isinstance(given, dict):
        if len(given) != 1:
            raise _invalid("Invalid Simple-Condition: it must have exactly one property.")
        name, value = next(iter(given.items()))
        yield Condition("eq", name.lower(), _text(value))
        return
    if not isinstance(given, list) or len(given) != 3 or not isinstance(given[0], str):
        raise _invalid("Invalid Condition: it must be an object, or a list of three.")
    operator, name = given[0].lower(), _text(given[1])
    if operator not in {"eq", "starts-with"} or not name.startswith("$"):
        raise _invalid(
            f"Invalid Condition: {printable(operator, 50)} {printable(name, 100)} is not understood."
        )
    yield Condition(operator, name[1:].lower(), _text(given[2]))


def _is_range(given: object) -> bool:
    return isinstance(given, list) and bool(given) and str(given[0]).lower() == _RANGE


def _range(given: Sequence[object]) -> tuple[int, int]:
    least, most = (_bytes(each) for each in given[1:]) if len(given) == 3 else (None, None)
    if least is None or most is None:
        raise _invalid(f"Invalid {_RANGE}: it needs two whole numbers that are not negative.")
    return least, most


def _bytes(value: object) -> int | None:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 19 else None


def _text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _invalid("Invalid Condition: fields and values must be texts.")
    return str(value)


def _invalid(what: str) -> S3Fault:
    return S3Fault("InvalidPolicyDocument", f"Invalid Policy: {what}")


def _refused(what: str, *, hint: str | None = None) -> S3Fault:
    return S3Fault("AccessDenied", f"Invalid according to Policy: {what}", hint=hint)
