"""CREATE, ALTER and DROP POLICY."""

from aerostore.policy.parse import operator as parse_operator
from aerostore.policy.parse.cursor import Tokens
from aerostore.policy.parse.lexer import SYNTAX_ERROR
from aerostore.policy.parse.name import at_name, qualified_name, simple_name, unreserved_name
from aerostore.policy.problem import Refusal
from aerostore.policy.syntax import AlterPolicy, CreatePolicy, DropPolicy, Expression

_COMMANDS = ("all", "select", "insert", "update", "delete")
_Condition = tuple[Expression | None, str]
_Roles = tuple[tuple[int, str], ...]


def create_policy(tokens: Tokens, at: int) -> CreatePolicy:
    """Read what follows CREATE POLICY. at: where CREATE stands."""
    name, table = _name_and_table(tokens)
    permissive = _permissive(tokens)
    command = tokens.expect_word(*_COMMANDS).value if tokens.accept_word("for") else "all"
    roles = _to_roles(tokens) or ((at, "public"),)
    using_at = tokens.current.at
    using, using_text = _using(tokens)
    check_at = tokens.current.at
    check, check_text = _check(tokens)
    tokens.expect_end()
    if check:
        _require_check_allowed(command, check_at)
    if using:
        _require_using_allowed(command, using_at)
    return CreatePolicy(
        at=at,
        name=name,
        table=table,
        permissive=permissive,
        command=command,
        roles=roles,
        using=using,
        check=check,
        using_text=using_text,
        check_text=check_text,
        start=at,
        end=tokens.last.end,
        comment=_comment_above(tokens.text, at),
    )


def _require_check_allowed(command: str, at: int) -> None:
    if command in ("select", "delete"):
        message = "WITH CHECK cannot be applied to SELECT or DELETE"
        raise Refusal(at, SYNTAX_ERROR, message, "write USING")


def _require_using_allowed(command: str, at: int) -> None:
    if command == "insert":
        raise Refusal(at, SYNTAX_ERROR, "only WITH CHECK expression allowed for INSERT", "write WITH CHECK")


def alter_policy(tokens: Tokens, at: int) -> AlterPolicy:
    """Read what follows ALTER POLICY."""
    if tokens.at_words("if", "exists"):
        raise tokens.unsupported("ALTER POLICY IF EXISTS", "leave IF EXISTS out")
    name, table = _name_and_table(tokens)
    if tokens.accept_words("rename", "to"):
        new_name = simple_name(tokens)
        tokens.expect_end()
        return AlterPolicy(at, name, table, new_name)
    roles = _to_roles(tokens) or None
    using, using_text = _using(tokens)
    check, check_text = _check(tokens)
    tokens.expect_end()
    return AlterPolicy(at, name, table, None, roles, using, check, using_text, check_text)


def drop_policy(tokens: Tokens, at: int) -> DropPolicy:
    """Read what follows DROP POLICY."""
    if_exists = tokens.accept_words("if", "exists")
    name, table = _name_and_table(tokens)
    tokens.accept_word("cascade", "restrict")
    tokens.expect_end()
    return DropPolicy(at, name, table, if_exists)


def _name_and_table(tokens: Tokens) -> tuple[str, tuple[str, ...]]:
    name = simple_name(tokens)
    tokens.expect_word("on")
    return name, qualified_name(tokens)


def _permissive(tokens: Tokens) -> bool:
    if not tokens.accept_word("as"):
        return True
    option = tokens.current
    if not at_name(tokens):
        raise tokens.unexpected()
    if option.value not in ("permissive", "restrictive"):
        message = f'unrecognized row security option "{option.value}"'
        hint = "Only PERMISSIVE or RESTRICTIVE policies are supported currently."
        raise Refusal(option.at, SYNTAX_ERROR, message, hint)
    return tokens.take().value == "permissive"


def _to_roles(tokens: Tokens) -> _Roles:
    return role_list(tokens) if tokens.accept_word("to") else ()


def role_list(tokens: Tokens) -> _Roles:
    """Read a list of roles: where each stands, and its name; `public` is everyone."""
    found = [_role(tokens)]
    while tokens.accept(","):
        found.append(_role(tokens))
    return tuple(found)


def _role(tokens: Tokens) -> tuple[int, str]:
    if tokens.at_word("current_user", "current_role", "session_user"):
        raise tokens.unsupported(f"{tokens.current.text.upper()} as a role", "name the role")
    at = tokens.current.at
    role = unreserved_name(tokens)
    if role == "none":
        raise Refusal(at, "42939", 'role name "none" is reserved')
    return at, role


def _using(tokens: Tokens) -> _Condition:
    return _condition(tokens) if tokens.accept_word("using") else (None, "")


def _check(tokens: Tokens) -> _Condition:
    if not tokens.accept_word("with"):
        return None, ""
    tokens.expect_word("check")
    return _condition(tokens)


def _condition(tokens: Tokens) -> _Condition:
    tokens.expect("(")
    first = tokens.current.at
    condition = parse_operator.expression(tokens)
    text = tokens.text[first : tokens.last.end]
    tokens.expect(")")
    return condition, text


def _comment_above(text: str, at: int) -> str:
    """Return the `--` lines right above the line that has only the statement at `at`, without their marks."""
    found: list[str] = []
    end = text.rfind("\n", 0, at)
    if text[end + 1 : at].strip():
        return ""
    while end >= 0:
        start = text.rfind("\n", 0, end) + 1
        line = text[start:end].strip()
        if not line.startswith("--"):
            break
        found.append(line.lstrip("-").strip())
        end = start - 1
    return "\n".join(reversed(found))
