"""Typed expressions: what a policy means once every name, operator and type is resolved.

Immutable trees. Every node has a `type`. Conditions follow SQL's three-valued logic.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from aerostore.policy.value import BOOL, Type

TARGET = 0
"""The source id of the row that a policy judges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A built-in function, operator or cast. run: values in, value out.

    name: as PostgreSQL has it: `lower`, `storage.foldername`, `=`, `jsonb::text`. run gets the Environment
    first when reads_environment; never a None when strict (the result is NULL then); may raise
    EvaluationError only when may_raise. returns_set: the value is a tuple of rows' values.
    """

    name: str
    parameters: tuple[Type, ...]
    returns: Type
    run: Callable[..., Any]
    strict: bool = True
    may_raise: bool = False
    reads_environment: bool = False
    variadic: bool = False
    returns_set: bool = False


@dataclass(frozen=True, slots=True)
class Constant:
    """A known value; None is NULL."""

    type: Type
    value: Any


@dataclass(frozen=True, slots=True)
class ColumnOf:
    """A column of a source: `TARGET`, or a table of the subquery that introduces that id.

    is_bytewise: it is text of COLLATE "C".
    """

    type: Type
    source: int
    name: str
    is_bytewise: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Apply:
    """A function applied to arguments of its parameter types."""

    type: Type
    function: Function
    arguments: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class And:
    """Conjunction, evaluated from left to right until one is false."""

    operands: tuple["Expression", ...]
    type: Type = field(default=BOOL, init=False)


@dataclass(frozen=True, slots=True)
class Or:
    """Disjunction, evaluated from left to right until one is true."""

    operands: tuple["Expression", ...]
    type: Type = field(default=BOOL, init=False)


@dataclass(frozen=True, slots=True)
class Not:
    """Negation; NULL stays NULL."""

    operand: "Expression"
    type: Type = field(default=BOOL, init=False)


@dataclass(frozen=True, slots=True)
class IsTest:
    """`IS NULL | TRUE | FALSE`; never NULL itself. value: None, True or False. UNKNOWN is NULL."""

    operand: "Expression"
    value: bool | None
    negated: bool = False
    type: Type = field(default=BOOL, init=False)


@dataclass(frozen=True, slots=True)
class IsDistinct:
    """`IS [NOT] DISTINCT FROM` by the type's equality; never NULL."""

    equality: Function
    left: "Expression"
    right: "Expression"
    negated: bool = False
    type: Type = field(default=BOOL, init=False)


@dataclass(frozen=True, slots=True)
class Case:
    """Searched CASE; `CASE x WHEN y` is resolved to conditions `x = y`."""

    type: Type
    branches: tuple[tuple["Expression", "Expression"], ...]
    otherwise: "Expression"


@dataclass(frozen=True, slots=True)
class Coalesce:
    """The first operand that is not NULL; later ones are not evaluated."""

    type: Type
    operands: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class ArrayOf:
    """An array made of its elements."""

    type: Type
    items: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Quantified:
    """`left operator ANY (array)`, or ALL when every. `IN (...)` is one over an ArrayOf.

    array: also an `ArrayQuery`, which is what `IN (SELECT ...)` and `= ANY (SELECT ...)` become.
    """

    operator: Function
    left: "Expression"
    array: "Expression"
    every: bool = False
    type: Type = field(default=BOOL, init=False)


@dataclass(frozen=True, slots=True)
class Source:
    """A table in a subquery. id: unique in its policy. as_owner: read by a SECURITY DEFINER function."""

    id: int
    table: str
    as_owner: bool = False


@dataclass(frozen=True, slots=True)
class Joined:
    """A source and how it joins those before it. left: LEFT JOIN; on: None is TRUE."""

    source: Source
    left: bool = False
    on: "Expression | None" = None


@dataclass(frozen=True, slots=True)
class Query:
    """A subquery over tables. output: what it selects; count: count(*) of the rows instead.

    counted: with count, count only rows where this is not NULL. Without joins it has one row at most.
    """

    joins: tuple[Joined, ...]
    where: "Expression | None"
    output: "Expression | None" = None
    count: bool = False
    counted: "Expression | None" = None
    distinct: bool = False
    limit: int | None = None
    order_by: tuple[tuple["Expression", bool], ...] = ()
    """Expressions and whether each is descending."""


@dataclass(frozen=True, slots=True)
class ExistsQuery:
    """Whether the query has a row."""

    query: Query
    type: Type = field(default=BOOL, init=False)


@dataclass(frozen=True, slots=True)
class ScalarQuery:
    """The query's only value: NULL without a row; 21000 with more than one."""

    type: Type
    query: Query


@dataclass(frozen=True, slots=True)
class ArrayQuery:
    """The query's values as an array."""

    type: Type
    query: Query


@dataclass(frozen=True, slots=True)
class RunTime:
    """`(SELECT operand)` without FROM: its value, but never a literal while a policy is simplified.

    PostgreSQL evaluates it when the statement runs, so what stands before it may raise first.
    """

    type: Type
    operand: "Expression"


@dataclass(frozen=True, slots=True)
class Collated:
    """`operand`, text whose collation is not its own but that of a call around it. Only while binding.

    is_bytewise: the collation is "C", otherwise the default one.
    """

    type: Type
    operand: "Expression"
    is_bytewise: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """An expression that raises when it is reached: what folding leaves of one that failed."""

    type: Type
    code: str
    message: str


Expression: TypeAlias = (
    Constant
    | ColumnOf
    | Apply
    | And
    | Or
    | Not
    | IsTest
    | IsDistinct
    | Case
    | Coalesce
    | ArrayOf
    | Quantified
    | ExistsQuery
    | ScalarQuery
    | ArrayQuery
    | RunTime
    | Collated
    | Failure
)

TRUE = Constant(BOOL, True)
FALSE = Constant(BOOL, False)
NULL_CONDITION = Constant(BOOL, None)
