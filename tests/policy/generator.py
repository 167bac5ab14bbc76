"""Random policy statements. Operators stand without parentheses, so precedence decides; many are no SQL."""

import random
from collections.abc import Callable

NAMES = (
    *("a", "b", "name", "bucket_id", "objects.name", '"Quoted ""one"""', "storage.objects.owner"),
    *("p.id", "no"),
)
OPERATORS = (
    *("+", "-", "*", "/", "%", "^", "<", ">", "=", "<=", ">=", "<>", "!=", "||", "->", "->>", "#>>"),
    *("@>", "<@", "~", "~*", "!~", "!~~", "&&", "?", "?|", "@", "#", "&", "|", "<<", "@-", "*-", "=-"),
    *("<->", "~~*", "==", "+-"),
)
PREFIXES = ("-", "+", "not ", "@ ", "~ ", "|/ ", "!! ")
TYPES = (
    *("text", "uuid", "int", "bigint", "double precision", "varchar(10)", "char", "numeric(10,2)"),
    *("jsonb", "timestamp with time zone", "timestamptz", "text[]", "int[3][]", "public.kind"),
    *("boolean", "float(30)", "bit varying(3)", "character varying", "real", "integer array"),
    *("interval", '"char"', "time(3)"),
)
CONSTANTS = (
    *("1", "0", "2147483648", "9223372036854775808", "1.5", ".5", "1.", "1e3", "2.5E-3", "'x'", "''"),
    *("'it''s'", "E'a\\nb\\x41\\u00e9\\101\\''", "$$dollar$$", "$t$a $$ b$t$", "'two'\n 'parts'"),
    *("true", "false", "null", "uuid 'x'", "interval '1 hour'", "date '2026-01-31'", "jsonb '{}'"),
    *("int '1'", "timestamp with time zone '2026-01-31'", "double precision '1'", "public.kind 'x'"),
    *("current_user", "current_timestamp", "current_date"),
)
"""Operands without operators of their own."""


class Generator:
    """Makes texts out of `rng` alone: one seed, one sequence."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._shapes: tuple[Callable[[int], str], ...] = (
            *((self._operation,) * 6),
            *((self._junction,) * 4),
            self._prefix,
            self._is,
            self._distinct,
            self._between,
            self._in,
            self._like,
            self._quantified,
            self._cast,
            self._collate,
        )

    def statement(self) -> str:
        """Return one statement."""
        kinds = (self._create_policy, self._alter_policy, self._create_table, self._other)
        return self._rng.choices(kinds, (20, 2, 2, 1))[0]()

    def expression(self, depth: int) -> str:
        """Return an expression of at most `depth` operators in a row."""
        if depth <= 0 or self._rng.random() < 0.15:
            return self._operand(depth)
        return self._rng.choice(self._shapes)(depth - 1)

    def _pick(self, *texts: str) -> str:
        return self._rng.choice(texts)

    def _operation(self, depth: int) -> str:
        return f"{self._part(depth)} {self._rng.choice(OPERATORS)} {self._part(depth)}"

    def _junction(self, depth: int) -> str:
        return f"{self._part(depth)} {self._pick('and', 'or')} {self._part(depth)}"

    def _prefix(self, depth: int) -> str:
        return self._rng.choice(PREFIXES) + self._part(depth)

    def _is(self, depth: int) -> str:
        tests = ("is null", "is not null", "isnull", "notnull", "is true", "is not false", "is unknown")
        return f"{self._part(depth)} {self._pick(*tests)}"

    def _distinct(self, depth: int) -> str:
        return f"{self._part(depth)} is {self._pick('', 'not ')}distinct from {self._part(depth)}"

    def _between(self, depth: int) -> str:
        word = self._pick("between", "not between", "between symmetric", "not between asymmetric")
        return f"{self._part(depth)} {word} {self._part(depth)} and {self._part(depth)}"

    def _in(self, depth: int) -> str:
        members = self._pick(self._list(depth), self._query(depth), f"({self._query(depth)})")
        return f"{self._part(depth)} {self._pick('in', 'not in')} ({members})"

    def _like(self, depth: int) -> str:
        words = ("like", "not like", "ilike", "not ilike", "similar to", "not similar to")
        escape = self._pick("", "", f" escape {self._part(depth)}")
        return f"{self._part(depth)} {self._pick(*words)} {self._part(depth)}{escape}"

    def _quantified(self, depth: int) -> str:
        operator = self._pick("=", "<>", "<", "~", "||", "like", "not ilike", "+")
        array = self._pick(self.expression(depth - 1), self._query(depth), f"({self._query(depth)})[1]")
        return f"{self._part(depth)} {operator} {self._pick('any', 'all', 'some')} ({array})"

    def _cast(self, depth: int) -> str:
        return f"{self._part(depth)}::{self._rng.choice(TYPES)}"

    def _collate(self, depth: int) -> str:
        return f'{self._part(depth)} collate "C"'

    def _part(self, depth: int) -> str:
        return self.expression(depth if self._rng.random() < 0.7 else 0)

    def _list(self, depth: int) -> str:
        return ", ".join(self.expression(depth - 1) for _ in range(self._rng.randint(1, 3)))

    def _operand(self, depth: int) -> str:
        if depth < -1 or self._rng.random() < 0.6:
            return self._rng.choice(NAMES if self._rng.random() < 0.6 else CONSTANTS)
        return self._rng.choice((self._call, self._special, self._bracket, self._subquery, self._case))(
            depth - 1
        )

    def _call(self, depth: int) -> str:
        arguments = self._pick("", self._list(depth))
        return f"{self._pick('lower', 'storage.foldername', 'left', 'auth.uid', 'format')}({arguments})"

    def _special(self, depth: int) -> str:
        one, two, three = (self.expression(depth) for _ in range(3))
        return self._pick(
            f"coalesce({one}, {two})",
            f"nullif({one}, {two})",
            f"greatest({one}, {two})",
            f"least({one})",
            f"cast({one} as {self._rng.choice(TYPES)})",
            f"extract(epoch from {one})",
            f"position({one} in {two})",
            f"substring({one} from {two})",
            f"substring({one} from {two} for {three})",
            f"substring({one} for {two})",
            f"substring({one}, {two})",
            f"trim({self._pick('', 'both ', 'leading ', 'trailing ')}{one} from {two})",
            f"trim({one})",
            "count(*)",
        )

    def _bracket(self, depth: int) -> str:
        index = self.expression(depth)
        return self._pick(
            f"({index})",
            f"(({index}))[1]",
            f"path_tokens[{index}]",
            f"(storage.foldername(name))[{index}]",
            f"tokens[{index}:]",
            f"tokens[1:{index}]",
            "storage.foldername(name)[1]",
            f"array[{self._list(depth)}]",
            "array[]",
        )

    def _subquery(self, depth: int) -> str:
        query = self._query(depth)
        return self._pick(
            f"({query})", f"(({query}))", f"exists ({query})", f"array({query})", f"({query})[1]"
        )

    def _case(self, depth: int) -> str:
        one, two, three = (self.expression(depth) for _ in range(3))
        return self._pick(
            f"case when {one} then {two} end",
            f"case {one} when {two} then {three} else {one} end",
            f"case when {one} then {two} when {two} then {one} else {three} end",
        )

    def _query(self, depth: int) -> str:
        items = self._pick(self.expression(depth - 1), "1", "p.id as x", "lower(a) low", "p.*", "*", "")
        source = self._pick("", f" from {self._tables(depth)}")
        where = self._pick("", f" where {self.expression(depth - 1)}")
        order = self._pick("", "", " order by p.id desc", " order by lower(p.id), p.b asc")
        head = self._pick(f"{items}{source}{where}{order}", f"distinct a{source}{where}")
        return f"select {head}{self._pick('', '', ' limit 1', ' limit all')}"

    def _tables(self, depth: int) -> str:
        condition = self.expression(depth - 1)
        return self._pick(
            "storage.buckets b",
            "public.projects as p",
            "projects p, members",
            f"projects p join members m on {condition}",
            f"projects p left outer join members as m(x, y) on {condition} inner join b on true",
            "projects cross join members m",
            "unnest(path_tokens) as t(part)",
            f"projects p, jsonb_array_elements_text({condition}) e",
        )

    def _create_policy(self) -> str:
        kind = self._pick("", "", " as permissive", " AS RESTRICTIVE", ' as "restrictive"')
        command = self._pick("", " for all", " for update")
        roles = self._pick("", " to authenticated", ' to PUBLIC, "anon", service_role')
        using = self._pick("", f" using ({self.expression(4)})", f" using ({self.expression(5)})")
        check = self._pick("", "", f" with check ({self.expression(4)})")
        return f"create policy {self._policy()} on {self._table()}{kind}{command}{roles}{using}{check}"

    def _policy(self) -> str:
        return self._pick("p", '"a policy"', "Own", "between", "left", "select", "p" * 70)

    def _table(self) -> str:
        return self._pick("storage.objects", '"storage"."objects"', "objects", "a.b.c")

    def _alter_policy(self) -> str:
        change = self._pick(
            f" using ({self.expression(3)})",
            f" to anon using ({self.expression(3)}) with check ({self.expression(2)})",
            " rename to q",
            "",
        )
        return f"alter policy {self._policy()} on {self._table()}{change}"

    def _create_table(self) -> str:
        columns = ", ".join(f"c{number} {self._column()}" for number in range(self._rng.randint(1, 4)))
        more = self._pick("", ", unique (c0, c1)", ", constraint k primary key (c0)", ", check (c0 > 1)")
        return f"create table {self._pick('', 'if not exists ')}{self._table()} ({columns}{more})"

    def _column(self) -> str:
        options = (
            *("not null", "null", "unique", "unique unique", "primary key", "constraint k not null"),
            *("default now()", "default 1 + 2", "default null", "default 'x'::text", "check (c0 <> 1)"),
            *("references t", "references t (id) on delete cascade on update set null", "deferrable"),
            *(f"default {self.expression(2)}", "generated always as identity"),
        )
        found = " ".join(self._pick(*options) for _ in range(self._rng.randint(0, 3)))
        return f"{self._rng.choice(TYPES)} {found}"

    def _other(self) -> str:
        return self._pick(
            f"drop policy {self._pick('', 'if exists ')}p on {self._table()} {self._pick('', 'cascade')}",
            f"grant select, insert on {self._table()} to anon, {self._pick('public', 'a b')}",
            f"grant all privileges on table {self._table()}, t to authenticated with grant option",
            "grant execute on function f(int, text) to anon",
            f"alter table {self._table()} {self._pick('enable', 'disable')} row level security",
            f"comment on policy p on {self._table()} is {self._pick('null', repr('why'))}",
            self._create_function(),
        )

    def _create_function(self) -> str:
        arguments = self._pick("", "a int, b text", "uuid, double precision", "in a int", "uid public.kind[]")
        options = ("stable", "immutable", "strict", "security definer", "set search_path = ''", "cost 10")
        chosen = " ".join(self._rng.sample(options, self._rng.randint(0, 3)))
        returns = self._pick("boolean", "setof uuid", "text[]", "public.kind")
        body = self._pick("as $$ select true $$ language sql", "language sql as 'select ''x'''")
        create = self._pick("create function", "create or replace function")
        return f"{create} s.f({arguments}) returns {returns} {chosen} {body}"
