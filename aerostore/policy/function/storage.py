"""The functions of the schemas `storage` and `auth`, and what else reads who is asking.

Source: the function bodies in Supabase's storage migrations and Postgres image.
"""

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID as Uuid

from aerostore.policy.expression import Function
from aerostore.policy.function.failure import unsupported
from aerostore.policy.function.io import read_uuid
from aerostore.policy.function.json_value import read_json, write_json
from aerostore.policy.problem import EvaluationError
from aerostore.policy.value import BOOL, JSONB, TEXT, UUID, Environment, Json, Type, array_of

_TEXTS = array_of(TEXT)
_OWNER = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_PREFIX = "storage."
"""What may be left out in front of an operation's name."""


def owner_of(owner_id: str | None) -> Uuid | None:
    """Return the column `owner`: owner_id when that is a uuid."""
    return Uuid(owner_id) if owner_id and _OWNER.fullmatch(owner_id) else None


def path_tokens(name: str | None) -> tuple[str, ...] | None:
    """Return the column `path_tokens`: string_to_array(name, '/')."""
    if name is None:
        return None
    return tuple(name.split("/")) if name else ()


def _foldername(name: str) -> tuple[str, ...] | None:
    tokens = path_tokens(name)
    return tokens[:-1] if tokens else None


def _filename(name: str) -> str | None:
    return name.rpartition("/")[2] if name else None


def _extension(name: str) -> str | None:
    """Return what follows the last dot; the whole file name when it has none."""
    return name.rpartition("/")[2].rpartition(".")[2] if name else None


def _operation(environment: Environment) -> str | None:
    return environment.settings.get("storage.operation")


def _allow_only_operation(environment: Environment, expected: str | None) -> bool:
    current = (_operation(environment) or "").removeprefix(_PREFIX)
    return bool(current) and expected is not None and expected.removeprefix(_PREFIX) == current


def _allow_any_operation(environment: Environment, expected: tuple[str | None, ...] | None) -> bool:
    return any(_allow_only_operation(environment, operation) for operation in expected or ())


def _claims(environment: Environment) -> Json | None:
    text = environment.settings.get("request.jwt.claims")
    return Json(read_json(text)) if text else None


def _claim(environment: Environment, name: str) -> str | None:
    """Return a claim: the setting made for it alone, or else from all claims."""
    if alone := environment.settings.get(f"request.jwt.claim.{name}"):
        return alone
    claims = _claims(environment)
    value = claims.value.get(name) if claims and isinstance(claims.value, dict) else None
    return value if value is None or isinstance(value, str) else write_json(value)


def _uid(environment: Environment) -> Uuid | None:
    subject = _claim(environment, "sub")
    return None if subject is None else read_uuid(subject)


def _jwt(environment: Environment) -> Json | None:
    if alone := environment.settings.get("request.jwt.claim"):
        return Json(read_json(alone))
    return _claims(environment)


def _current_setting(environment: Environment, name: str, missing_ok: bool = False) -> str | None:
    """Return a setting of the request. PostgreSQL's own settings, which have no dot, are not known here."""
    wanted = name.lower()
    if wanted == "role":
        return environment.role
    if "." not in wanted:
        raise unsupported(f'current_setting("{name}")')
    found = next((value for key, value in environment.settings.items() if key.lower() == wanted), None)
    if found is None and not missing_ok:
        raise EvaluationError("42704", f'unrecognized configuration parameter "{name}"')
    return found


def _current_role(environment: Environment) -> str:
    return environment.role


def _of_name(name: str, run: Callable[[str], Any], returns: Type) -> Function:
    return Function(name=name, parameters=(TEXT,), returns=returns, run=run)


def _of_request(
    name: str,
    run: Callable[..., Any],
    returns: Type,
    *parameters: Type,
    strict: bool = True,
    may_raise: bool = False,
) -> Function:
    return Function(
        name=name,
        parameters=parameters,
        returns=returns,
        run=run,
        strict=strict,
        may_raise=may_raise,
        reads_environment=True,
    )


FUNCTIONS = (
    _of_name("storage.foldername", _foldername, _TEXTS),
    _of_name("storage.filename", _filename, TEXT),
    _of_name("storage.extension", _extension, TEXT),
    _of_request("storage.operation", _operation, TEXT),
    _of_request("storage.allow_only_operation", _allow_only_operation, BOOL, TEXT, strict=False),
    _of_request("storage.allow_any_operation", _allow_any_operation, BOOL, _TEXTS, strict=False),
    _of_request("auth.uid", _uid, UUID, may_raise=True),
    _of_request("auth.role", lambda request: _claim(request, "role"), TEXT, may_raise=True),
    _of_request("auth.email", lambda request: _claim(request, "email"), TEXT, may_raise=True),
    _of_request("auth.jwt", _jwt, JSONB, may_raise=True),
    _of_request("current_setting", _current_setting, TEXT, TEXT, may_raise=True),
    _of_request("current_setting", _current_setting, TEXT, TEXT, BOOL, may_raise=True),
    *(_of_request(name, _current_role, TEXT) for name in ("current_user", "current_role", "user")),
)
