"""Operators: which one a symbol means for operands of these types, and what is built from operators."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from aerostore.policy import syntax
from aerostore.policy.bind.absent import absent, instead_of
from aerostore.policy.bind.cast import implicitly, settled
from aerostore.policy.bind.overload import Ambiguous, Candidate, choose_operator, concrete, elements_of
from aerostore.policy.bind.scope import Scope, bind
from aerostore.policy.describe.sql import to_text
from aerostore.policy.expression import (
    Apply,
    ArrayOf,
    Collated,
    Constant,
    Expression,
    Function,
)
from aerostore.policy.function import check_pattern, find_operators, needs_collation
from aerostore.policy.problem import EvaluationError, Refusal
from aerostore.policy.value import (
    ANY,
    ANYARRAY,
    ANYELEMENT,
    ANYNONARRAY,
    JSON,
    TEXT,
    UNKNOWN,
    Type,
)

_COMPARISONS = frozenset({"<", "<=", ">", ">=", "=", "<>"})
_BYTEWISE = (("C",), ("POSIX",), ("pg_catalog", "C"), ("pg_catalog", "POSIX"))


@dataclass(frozen=True, slots=True)
class Operand:
    """A bound expression and the syntax it came from, for messages. collated: COLLATE "C" was said."""

    value: Expression
    node: syntax.Expression | syntax.Select
    collated: bool = False

    @property
    def type(self) -> Type:
        """Its type."""
        return self.value.type

    @property
    def at(self) -> int:
        """Where it stands."""
        return self.node.at


def operand(node: syntax.Expression, scope: Scope) -> Operand:
    """Return `node` bound."""
    return Operand(bind(node, scope), node)


def apply_operator(symbol: str, operands: Sequence[Operand], at: int) -> Apply:
    """Return a prefix or infix operator applied to `operands`.

    Raises: Refusal 42883 or 42725 when PostgreSQL finds none or several; 0A000 for one that orders text
    by the database's collation.
    """
    function = choose_function(symbol, operands, tuple(each.type for each in operands), at)
    return apply(Candidate(function.parameters, function), operands, at)


def check_patterns(function: Function, pattern: Expression, at: int) -> None:
    """Refuse a pattern, or one of an array of them, that is known now and cannot be matched exactly."""
    bare = _bare(pattern)
    patterns = bare.items if isinstance(bare, ArrayOf) else (bare,)
    try:
        for each in patterns:
            for text in _known_texts(each):
                check_pattern(function, text)
    except EvaluationError as error:
        raise Refusal(at, error.code, error.message, instead_of(function.name)) from error


def _bare(expression: Expression) -> Expression:
    return expression.operand if isinstance(expression, Collated) else expression


def _known_texts(expression: Expression) -> Sequence[str]:
    if isinstance(expression, Apply) and expression.function.name == "similar_to_escape":
        values = [part.value for part in map(_bare, expression.arguments) if isinstance(part, Constant)]
        known = len(values) == len(expression.arguments) and None not in values
        return (expression.function.run(*values),) if known else ()
    if not isinstance(expression, Constant) or expression.value is None:
        return ()
    return expression.value if expression.type.element else (expression.value,)


def apply(candidate: Candidate[Function], operands: Sequence[Operand], at: int) -> Apply:
    """Return the chosen function applied to `operands`, cast to what it takes."""
    function = made_concrete(candidate, [each.type for each in operands], at)
    pairs = zip(operands, function.parameters, strict=True)
    arguments = tuple(_argument(each, type_) for each, type_ in pairs)
    if arguments:
        check_patterns(function, arguments[-1], operands[-1].at)
    return Apply(function.returns, function, arguments)


def _argument(operand: Operand, parameter: Type) -> Expression:
    if parameter in (ANY, ANYNONARRAY):
        return settled(operand.value, operand.at)
    return implicitly(operand.value, parameter, operand.at)


def made_concrete(candidate: Candidate[Function], types: Sequence[Type], at: int) -> Function:
    """Return the chosen function with one type for each of the arguments, and for the result.

    Raises: Refusal 42804 when only literals of no type could tell which.
    """
    function, parameters = candidate.subject, candidate.parameters
    if not {ANYARRAY, ANYELEMENT} & {*parameters, function.returns}:
        return replace(function, parameters=parameters, variadic=False) if function.variadic else function
    elements = elements_of(parameters, types)
    if not elements:
        raise Refusal(at, "42804", "could not determine polymorphic type because input has type unknown")
    element = elements.pop() or TEXT
    if element == JSON and ANYARRAY in parameters:
        raise Refusal(at, "0A000", "arrays of json are not available in the embedded database", "use jsonb")
    return replace(
        function,
        parameters=tuple(concrete(parameter, element) for parameter in parameters),
        returns=concrete(function.returns, element),
        variadic=False,
    )


def choose_function(symbol: str, operands: Sequence[Operand], types: tuple[Type, ...], at: int) -> Function:
    """Return what `symbol` means for `types`: those of `operands`, or of the elements of the last one.

    Raises: Refusal 42883, 42725 or 0A000.
    """
    found = _choose(symbol, operands, types, at)
    if found is None:
        raise _unavailable(f"operator {_spoken(symbol, types)}", at)
    if needs_collation(found) and not any(each.collated for each in operands):
        message = "the order of text depends on the collation of the database"
        hint = f'compare bytewise: {_written(operands[0])} COLLATE "C" {symbol} ...'
        raise Refusal(at, "0A000", message, hint)
    return found


def _choose(symbol: str, operands: Sequence[Operand], types: tuple[Type, ...], at: int) -> Function | None:
    known = find_operators(symbol)
    count = len(types)
    offered: list[Candidate[Function | None]] = [
        Candidate(function.parameters, function) for function in known if len(function.parameters) == count
    ]
    try:
        found = choose_operator([*offered, *absent(symbol, count)], types)
    except Ambiguous:
        spoken = _spoken(symbol, types)
        raise Refusal(at, "42725", f"operator is not unique: {spoken}", "add a cast") from None
    if found:
        return found.subject
    if not known:
        raise _unavailable(f"the operator {symbol}", at)
    raise Refusal(at, "42883", f"operator does not exist: {_spoken(symbol, types)}", _hint(operands, types))


def _unavailable(what: str, at: int) -> Refusal:
    return Refusal(at, "0A000", f"{what} is not available in the embedded database")


def _spoken(symbol: str, types: tuple[Type, ...]) -> str:
    return f"{symbol} {types[0]}" if len(types) == 1 else f"{types[0]} {symbol} {types[1]}"


def _hint(operands: Sequence[Operand], types: tuple[Type, ...]) -> str:
    """Return how a comparison of unlike types is usually meant."""
    for array in (_written(each) for each, type_ in zip(operands, types, strict=True) if type_.element):
        return f"compare with one element, ({array})[1], or with any of them, = ANY ({array})"
    for other in (_written(each) for each, type_ in zip(operands, types, strict=True) if type_ != TEXT):
        return f"cast one side: {other}::text" if TEXT in types else ""
    return ""


def _written(operand: Operand) -> str:
    return "..." if isinstance(operand.node, syntax.Select) else to_text(operand.node)


@bind.register
def bind_binary(node: syntax.Binary, scope: Scope) -> Expression:
    """Return an infix operator; a collation counts where it decides a comparison."""
    bind_side = collatable if node.operator in _COMPARISONS else operand
    return apply_operator(node.operator, (bind_side(node.left, scope), bind_side(node.right, scope)), node.at)


def collatable(node: syntax.Expression, scope: Scope) -> Operand:
    """Return `node` bound where a collation only decides an order: COLLATE "C" may stand there."""
    if not isinstance(node, syntax.Collate):
        return operand(node, scope)
    inner = operand(node.operand, scope)
    if node.collation not in _BYTEWISE:
        raise Refusal(
            node.at, "0A000", f'collation "{node.collation[-1]}" is not available', 'only COLLATE "C" is'
        )
    if inner.type not in (TEXT, UNKNOWN):
        raise Refusal(node.at, "42804", f"collations are not supported by type {inner.type}")
    return replace(inner, collated=True)


@bind.register
def refuse_collation(node: syntax.Collate, scope: Scope) -> Expression:
    """Refuse a collation that would change more than the order of two texts, such as what lower() does."""
    raise Refusal(node.at, "0A000", "COLLATE is only available for an operand of a comparison")


@bind.register
def bind_unary(node: syntax.Unary, scope: Scope) -> Expression:
    """Return a prefix operator."""
    return apply_operator(node.operator, (operand(node.operand, scope),), node.at)
