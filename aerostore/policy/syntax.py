"""What policy files consist of, as parsed: nothing is resolved yet. `at` is an offset into the text."""

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class TypeName:
    """A type as written: `text`, `bigint`, `double precision`, `uuid[]`. name: lower case, one word where
    SQL has several (timestamptz, float8, varchar), quoted names as they are.
    """  # noqa: D205 -- the second sentence explains the first

    at: int
    name: tuple[str, ...]
    is_array: bool = False
    has_modifier: bool = False


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant. value: str for a quoted one (of no type yet), int, Decimal, bool or None for NULL."""

    at: int
    value: str | int | Decimal | bool | None


@dataclass(frozen=True, slots=True)
class Parameter:
    """`$1`: a parameter of the SQL function whose body this is; counted from one."""

    at: int
    number: int


@dataclass(frozen=True, slots=True)
class Name:
    """A column, perhaps with its table: (`name`), (`objects`, `name`), (`storage`, `objects`, `name`)."""

    at: int
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function called by name. is_star: count(*). keyword: SQL's own syntax, such as `coalesce`,
    `nullif`, `greatest`, `least`, `current_user`, `current_timestamp`, which no schema holds.
    `substring(a from b)`, `trim(both a from b)`, `position(a in b)`, `extract(f from x)` become calls of
    pg_catalog functions, as in PostgreSQL's grammar.
    """  # noqa: D205 -- the sentences belong together

    at: int
    name: tuple[str, ...]
    arguments: tuple["Expression", ...] = ()
    is_star: bool = False
    keyword: bool = False


@dataclass(frozen=True, slots=True)
class Cast:
    """`operand::type`, `CAST(operand AS type)` or `type 'literal'`."""

    at: int
    operand: "Expression"
    type_name: TypeName


@dataclass(frozen=True, slots=True)
class Unary:
    """A prefix operator, such as `-`."""

    at: int
    operator: str
    operand: "Expression"


@dataclass(frozen=True, slots=True)
class Binary:
    """An infix operator; `at` is where the operator stands. `!=` is written `<>`.

    LIKE, ILIKE and their negations are `~~`, `~~*`, `!~~`, `!~~*`, as in PostgreSQL; with ESCAPE the right
    side is a Call of pg_catalog.like_escape. SIMILAR TO is `~` with pg_catalog.similar_to_escape.
    """

    at: int
    operator: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class And:
    """All of at least two operands, flattened as PostgreSQL flattens them."""

    at: int
    operands: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of at least two operands, flattened as PostgreSQL flattens them."""

    at: int
    operands: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """NOT operand."""

    at: int
    operand: "Expression"


@dataclass(frozen=True, slots=True)
class IsTest:
    """`IS [NOT] NULL | TRUE | FALSE | UNKNOWN`. what: `null`, `true`, `false`, `unknown`."""

    at: int
    operand: "Expression"
    what: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class IsDistinct:
    """`left IS [NOT] DISTINCT FROM right`."""

    at: int
    left: "Expression"
    right: "Expression"
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Between:
    """`operand [NOT] BETWEEN [SYMMETRIC] low AND high`."""

    at: int
    operand: "Expression"
    low: "Expression"
    high: "Expression"
    negated: bool = False
    symmetric: bool = False


@dataclass(frozen=True, slots=True)
class InList:
    """`operand [NOT] IN (items)`."""

    at: int
    operand: "Expression"
    items: tuple["Expression", ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class InSelect:
    """`operand [NOT] IN (SELECT ...)`."""

    at: int
    operand: "Expression"
    select: "Select"
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Quantified:
    """`left operator ANY (right)` or ALL; SOME is ANY. right: an array, or a SELECT."""

    at: int
    operator: str
    left: "Expression"
    right: "Expression | Select"
    every: bool


@dataclass(frozen=True, slots=True)
class ArrayOf:
    """`ARRAY[items]`."""

    at: int
    items: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class ArraySelect:
    """`ARRAY(SELECT ...)`."""

    at: int
    select: "Select"


@dataclass(frozen=True, slots=True)
class Subscript:
    """`operand[index]`."""

    at: int
    operand: "Expression"
    index: "Expression"


@dataclass(frozen=True, slots=True)
class Slice:
    """`operand[low:high]`, each side may be missing."""

    at: int
    operand: "Expression"
    low: "Expression | None"
    high: "Expression | None"


@dataclass(frozen=True, slots=True)
class Case:
    """`CASE [operand] WHEN condition THEN result ... [ELSE otherwise] END`."""

    at: int
    operand: "Expression | None"
    branches: tuple[tuple["Expression", "Expression"], ...]
    otherwise: "Expression | None"


@dataclass(frozen=True, slots=True)
class Collate:
    """`operand COLLATE "name"`."""

    at: int
    operand: "Expression"
    collation: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Exists:
    """`EXISTS (SELECT ...)`."""

    at: int
    select: "Select"


@dataclass(frozen=True, slots=True)
class ScalarSelect:
    """`(SELECT ...)` as a value."""

    at: int
    select: "Select"


@dataclass(frozen=True, slots=True)
class Star:
    """`*` or `alias.*` as a select item."""

    at: int
    table: tuple[str, ...] = ()


Expression: TypeAlias = (
    Literal
    | Parameter
    | Name
    | Call
    | Cast
    | Unary
    | Binary
    | And
    | Or
    | Not
    | IsTest
    | IsDistinct
    | Between
    | InList
    | InSelect
    | Quantified
    | ArrayOf
    | ArraySelect
    | Subscript
    | Slice
    | Case
    | Collate
    | Exists
    | ScalarSelect
)


@dataclass(frozen=True, slots=True)
class TableItem:
    """A table in FROM, or a function called there. columns: names given by an alias list."""

    at: int
    name: tuple[str, ...] = ()
    call: Call | None = None
    alias: str | None = None
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Join:
    """One step of FROM. kind: `inner` (also for a comma and CROSS JOIN, then `on` is None) or `left`."""

    item: TableItem
    kind: str = "inner"
    on: Expression | None = None


@dataclass(frozen=True, slots=True)
class Select:
    """A query without set operations, grouping or windows: those are refused where they begin."""

    at: int
    items: tuple["Expression | Star", ...]
    joins: tuple[Join, ...] = ()
    where: Expression | None = None
    distinct: bool = False
    order_by: tuple[tuple[Expression, bool], ...] = ()
    limit: Expression | None = None


@dataclass(frozen=True, slots=True)
class CreatePolicy:
    """CREATE POLICY. command: all, select, insert, update, delete. start, end: its text, no semicolon.

    using_text, check_text: the expressions as written, without their parentheses.
    """

    at: int
    name: str
    table: tuple[str, ...]
    permissive: bool
    command: str
    roles: tuple[tuple[int, str], ...]
    using: Expression | None
    check: Expression | None
    using_text: str
    check_text: str
    start: int
    end: int
    comment: str = ""
    """The `--` lines right above the statement, without their marks: why this policy is there."""


@dataclass(frozen=True, slots=True)
class AlterPolicy:
    """ALTER POLICY: RENAME TO, or new roles and expressions; None where nothing changes."""

    at: int
    name: str
    table: tuple[str, ...]
    new_name: str | None = None
    roles: tuple[tuple[int, str], ...] | None = None
    using: Expression | None = None
    check: Expression | None = None
    using_text: str = ""
    check_text: str = ""


@dataclass(frozen=True, slots=True)
class DropPolicy:
    """DROP POLICY [IF EXISTS]."""

    at: int
    name: str
    table: tuple[str, ...]
    if_exists: bool


@dataclass(frozen=True, slots=True)
class ColumnDefinition:
    """A column of CREATE TABLE; defaults and constraints but NOT NULL, PRIMARY KEY and UNIQUE are skipped."""

    at: int
    name: str
    type_name: TypeName
    not_null: bool = False
    unique: bool = False


@dataclass(frozen=True, slots=True)
class CreateTable:
    """CREATE TABLE [IF NOT EXISTS]. keys: columns of each PRIMARY KEY or UNIQUE constraint, primary first."""

    at: int
    name: tuple[str, ...]
    columns: tuple[ColumnDefinition, ...]
    keys: tuple[tuple[str, ...], ...] = ()
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class CreateFunction:
    """CREATE [OR REPLACE] FUNCTION. parameters: (name or "", type). body: None unless LANGUAGE sql with one
    SELECT; why it is None says `refused`. returns_set: SETOF.
    """  # noqa: D205 -- the sentences belong together

    at: int
    name: tuple[str, ...]
    parameters: tuple[tuple[str, TypeName], ...]
    returns: TypeName
    returns_set: bool
    language: str
    strict: bool
    security_definer: bool
    volatility: str
    search_path: tuple[str, ...] | None
    body: Select | None
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Grant:
    """GRANT privileges ON [TABLE] tables TO roles. Only SELECT matters to policies."""

    at: int
    privileges: tuple[str, ...]
    tables: tuple[tuple[str, ...], ...]
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EnableRowSecurity:
    """ALTER TABLE ... ENABLE or DISABLE ROW LEVEL SECURITY."""

    at: int
    table: tuple[str, ...]
    enabled: bool


Statement: TypeAlias = (
    CreatePolicy | AlterPolicy | DropPolicy | CreateTable | CreateFunction | Grant | EnableRowSecurity
)
