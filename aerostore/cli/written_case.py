"""Turns a case as written into a caller and rows that policies can judge."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from aerostore.cli.case_file import WrittenCase
from aerostore.cli.case_row import Described, Rows, to_json
from aerostore.policy import EvaluationError
from aerostore.policy.case import OPERATIONS, Case, Operation, Row
from aerostore.policy.catalog import BUCKETS, Table
from aerostore.policy.function.io import read_text
from aerostore.policy.value import TIMESTAMPTZ, Environment

_ROLES = ("anon", "authenticated", "service_role")
_OF_AN_OBJECT = ("owner", "size", "mime", "metadata", "user_metadata", "created_at")


def to_case(written: WrittenCase, tables: Mapping[str, Table], *, now: datetime) -> Case:
    """Return the case that `written` describes. now: what time it is when the case does not say.

    Raises: InvalidCase naming file and line.
    """
    now = _moment(written) or now
    return _Reading(written, Rows(written, tables, now), now).case()


@dataclass(frozen=True, slots=True)
class _Reading:
    written: WrittenCase
    rows: Rows
    now: datetime

    def case(self) -> Case:
        verdict, operation = self._asked()
        old, new = self._on_bucket(operation) if operation.table == BUCKETS else self._on_object(operation)
        return Case(
            operation=operation,
            is_permitted=verdict == "allow",
            environment=self._environment(operation),
            old=old,
            new=new,
            tables={BUCKETS: self._buckets(), **self.rows.declared()},
            why=self.written.get("why") or "",
        )

    def _asked(self) -> tuple[str, Operation]:
        given = [key for key in ("allow", "deny") if key in self.written.own]
        if len(given) != 1:
            raise self.written.invalid("a case needs either 'allow' or 'deny', with an operation")
        name = self.written.get(given[0])
        if name not in OPERATIONS:
            raise self.written.invalid(
                f"{name!r} is no operation; there are: {', '.join(OPERATIONS)}", given[0]
            )
        return given[0], OPERATIONS[name]

    def _environment(self, operation: Operation) -> Environment:
        role, subject = self._role(), self._subject()
        claims = {**(self.written.get("claims") or {}), "role": role}
        if subject:
            claims["sub"] = subject
        settings = {
            "request.jwt.claim.role": role,
            "request.jwt.claim.sub": subject or "",
            "request.jwt.claims": to_json(self.written, "claims", claims),
            "storage.operation": operation.name,
        }
        return Environment(role=role, now=self.now, settings=settings, can_bypass_rls=role == "service_role")

    def _role(self) -> str:
        role: str = self.written.get("as") or "authenticated"
        if role not in _ROLES:
            raise self.written.invalid(f"{role!r} is none of {', '.join(_ROLES)}", "as")
        return role

    def _subject(self) -> str | None:
        """Return who is signed in; a `sub` for all cases is that of the signed-in ones."""
        if self._role() != "authenticated" and "sub" not in self.written.own:
            return None
        subject: str | None = self.written.get("sub")
        return subject

    def _on_object(self, operation: Operation) -> tuple[Row, Row]:
        """Return the object that is there and the one that the operation leaves; an empty one is none."""
        described = {key: self.written.get(key) for key in _OF_AN_OBJECT if key in self.written.entries}
        mine = {"owner": self._subject(), **described}
        if operation.statement in {"insert", "upsert"}:
            return self._existing(), self._object(mine)
        old = self._object(described)
        if operation.statement == "update":
            return old, self._elsewhere(described)
        if operation.statement == "copy":
            return old, self._elsewhere({**described, "owner": self._subject()})
        return old, {}

    def _on_bucket(self, operation: Operation) -> tuple[Row, Row]:
        name = self._text("bucket")
        described = self._described_buckets().get(name) or {}
        if operation.statement == "insert":
            return {}, self.rows.bucket(name, {"owner_id": self._subject(), **described})
        row = self.rows.bucket(name, described)
        return row, row if operation.statement == "update" else {}

    def _object(self, described: Described) -> Row:
        return self.rows.object(self._text("bucket"), self._text("name"), described)

    def _existing(self) -> Row:
        described = self.written.get("existing")
        return {} if described is None else self._object(described)

    def _elsewhere(self, described: Described) -> Row:
        bucket = self.written.get("to_bucket") or self._text("bucket")
        return self.rows.object(bucket, self._text("to"), described)

    def _buckets(self) -> list[Row]:
        """Return the rows of the buckets that the case names, with what it says about them."""
        named = {self._text("bucket"), self.written.get("to_bucket")} - {None}
        described = {**dict.fromkeys(sorted(named)), **self._described_buckets()}
        return [self.rows.bucket(name, columns or {}) for name, columns in described.items()]

    def _described_buckets(self) -> Mapping[str, Described | None]:
        return {str(name): columns for name, columns in (self.written.get("buckets") or {}).items()}

    def _text(self, key: str) -> str:
        text: str | None = self.written.get(key)
        if not text:
            raise self.written.invalid(f"{key!r} is missing")
        return text


def _moment(written: WrittenCase) -> datetime | None:
    """Return the time of the case, in UTC."""
    given = written.get("now")
    if given is None:
        return None
    text = given.isoformat() if isinstance(given, datetime) else given
    try:
        moment: datetime = read_text(TIMESTAMPTZ, text)
    except EvaluationError as error:
        raise written.invalid(error.message, "now") from error
    return moment.astimezone(UTC)
