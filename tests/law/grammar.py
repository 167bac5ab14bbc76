"""Policies nobody wrote: expressions that follow PostgreSQL's grammar and types, for Hypothesis to search.

Every strategy yields SQL text of one type. `depth` bounds how far expressions nest. The judged row's id is
always qualified: in a subquery that has one row by its key, `id` would be the table's own, which fits every
row, and all there is to compare is when the engines notice that there are too many.
"""

from collections.abc import Callable
from functools import lru_cache

from hypothesis import strategies as st

from tests.law.population import FILES, GROUPS, PLACES, SEGMENTS, USERS

Text = st.SearchStrategy[str]

WORDS = (*PLACES, *USERS[:2], GROUPS[0], *SEGMENTS[:20], *FILES[:7], "admin", "a/b", "image/png", "5", "aal1")
_PATTERNS = (
    "%",
    "a%",
    "%.jpg",
    "_%/%",
    "public/%",
    "A%",
    "%\\%%",
    "x\\_y%",
    "",
    f"{USERS[0]}/%",
    "[a-c]*%",
    "ü%",
)
_REGEXES = (
    *(
        "^a",
        "jpg$",
        "^[^/]+/[^/]+$",
        "^[0-9a-f]{8}-",
        "(png|jpe?g)$",
        "a.c",
        "",
        "^(a|b)*c?$",
        r"\.",
        r"^\d+$",
    ),
    *("[/.]", "x{2,3}", "^public/(.*/)?[^/]+\\.jpg$", "^[a-c-]+$", "[^a-z]", "ü"),
)
_ASCII_REGEXES = tuple(each for each in _REGEXES if each.isascii())
_JSON = (
    "{}",
    '{"shared": true}',
    '["public"]',
    '{"size": 5}',
    "5",
    '"text"',
    "null",
    '{"visibility": {"level": 2}}',
)
_KEYS = ("size", "mimetype", "locked", "shared", "public", "visibility", "hidden", "0", "")
_PATHS = ("{visibility,level}", "{size}", "{}", "{tags,0}", "{tags,-1}", "{public,x}")


def quoted(text: str) -> str:
    """Return `text` as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def _literals(*texts: str) -> Text:
    return st.sampled_from(texts).map(quoted)


def _form(pattern: str, *parts: Text) -> Text:
    """Fill the parts into `{}` of the pattern."""
    return st.tuples(*parts).map(lambda values: pattern.format(*values))


def _forms(patterns: str, *parts: Text) -> Text:
    """Fill the parts into one of several patterns, a line each."""
    return st.one_of([_form(pattern.strip(), *parts) for pattern in patterns.strip().splitlines()])


def _grown(leaves: Text, branches: Callable[[int], Text], depth: int) -> Text:
    return leaves if depth <= 0 else st.one_of(leaves, branches(depth - 1), branches(depth - 1))


_words = _literals(*WORDS)
_small = st.sampled_from(("-1", "0", "1", "2", "3", "5", "100"))


@lru_cache
def texts(depth: int) -> Text:
    """Expressions of type text."""
    return _grown(_text_leaves, _text_branches, depth)


_TEXT_SOURCES = (
    *("bucket_id", "name", "name", "objects.name", "owner_id", "version", "storage.objects.bucket_id"),
    *(
        "auth.uid()::text",
        "(select auth.uid())::text",
        "(select auth.uid()::text)",
        "auth.role()",
        "auth.email()",
    ),
    *(
        "auth.jwt() ->> 'email'",
        "(auth.jwt() -> 'app_metadata' ->> 'role')",
        "auth.jwt() #>> '{amr,0,provider}'",
    ),
    *("storage.filename(name)", "storage.extension(name)", "(storage.foldername(name))[1]", "path_tokens[2]"),
    *(
        "split_part(name, '/', 1)",
        "(string_to_array(name, '/'))[2]",
        "metadata ->> 'mimetype'",
        "owner::text",
    ),
    *(
        "user_metadata ->> 'department'",
        "storage.operation()",
        "current_setting('request.jwt.claim.sub', true)",
    ),
    *(
        "objects.id::text",
        "null::text",
        "(current_setting('request.jwt.claims', true)::jsonb ->> 'tenant_id')",
    ),
)
_text_leaves = st.one_of(st.sampled_from(_TEXT_SOURCES), st.sampled_from(_TEXT_SOURCES), _words)


def _text_branches(depth: int) -> Text:
    text = texts(depth)
    return st.one_of(
        _forms("lower({})\nupper({})\nbtrim({})\nreverse({})\n({})::text\nmd5({})", text),
        _forms("({} || {})\ncoalesce({}, {})\nnullif({}, {})\nconcat({}, {})", text, text),
        _forms("left({}, {})\nright({}, {})\nsubstring({}, {})\nsplit_part({}, '/', {} + 4)", text, _small),
        _form("replace({}, {}, {})", text, _words, text),
        _form("case when {} then {} else {} end", booleans(depth), text, text),
        _form("case {} when {} then {} end", text, _words, text),
        _form("({})[{}]", arrays(depth), _small),
        _forms("({} ->> {})", documents(depth), _literals(*_KEYS)),
        _forms("({} #>> {})", documents(depth), _literals(*_PATHS)),
        _form("array_to_string({}, {})", arrays(depth), _words),
        _form("(select p.role from public.profiles p where p.id = {})", uuids(depth)),
        _form("(select {} from public.profiles where profiles.id = {})", text, uuids(depth)),
        _form("(select max_name.name from public.projects max_name where max_name.id::text = {})", text),
    )


@lru_cache
def arrays(depth: int) -> Text:
    """Expressions of type text[]."""
    leaves = st.sampled_from(
        ("path_tokens", "storage.foldername(name)", "'{a,b}'::text[]", "array[]::text[]")
    )
    return _grown(leaves, _array_branches, depth)


def _array_branches(depth: int) -> Text:
    text, array = texts(depth), arrays(depth)
    return st.one_of(
        _form("array[{}, {}]", text, text),
        _forms("string_to_array({}, '/')\nstring_to_array({}, '.')", text),
        _form("({})[{}:{}]", array, _small, _small),
        _forms("array_append({}, {})\narray_remove({}, {})\n({} || {})", array, text),
        _form("array(select id from storage.buckets where public = {})", _bools),
    )


@lru_cache
def documents(depth: int) -> Text:
    """Expressions of type jsonb."""
    leaves = st.one_of(
        st.sampled_from(("metadata", "user_metadata", "auth.jwt()", "(select auth.jwt())")),
        _literals(*_JSON).map(lambda literal: f"{literal}::jsonb"),
    )
    return _grown(leaves, _document_branches, depth)


def _document_branches(depth: int) -> Text:
    document = documents(depth)
    return st.one_of(
        _form("({} -> {})", document, _literals(*_KEYS, "app_metadata", "teams", "amr")),
        _form("({} -> {})", document, _small),
        _form("({} #> {})", document, _literals(*_PATHS)),
        _form("coalesce({}, {})", document, document),
    )


@lru_cache
def numbers(depth: int) -> Text:
    """Expressions of type integer or bigint; some raise."""
    return _grown(_small, _number_branches, depth)


def _number_branches(depth: int) -> Text:
    text, number = texts(depth), numbers(depth)
    return st.one_of(
        _forms("length({})\nchar_length({})\noctet_length({})\nstrpos({}, '/')\nposition('a' in {})", text),
        _forms("coalesce(array_length({}, 1), 0)\ncardinality({})\narray_length({}, 1)", arrays(depth)),
        _forms("({} + {})\n({} - {})\ngreatest({}, {})\nleast({}, {})\nnullif({}, {})", number, number),
        _forms(
            "(metadata ->> {})::int\n(metadata ->> {})::bigint\n(metadata -> {})::int", _literals(*_KEYS[:2])
        ),
        _form("case when {} then {} else {} end", booleans(depth), number, number),
        _form("(select count(*) from public.attachments a where a.file_path = {})", text),
    )


@lru_cache
def uuids(depth: int) -> Text:
    """Expressions of type uuid; some raise."""
    leaves = st.one_of(
        st.sampled_from(("auth.uid()", "(select auth.uid())", "owner", "objects.id", "auth.uid()")),
        _literals(*USERS[:2], GROUPS[0]).map(lambda literal: f"{literal}::uuid"),
    )
    return _grown(leaves, _uuid_branches, depth)


def _uuid_branches(depth: int) -> Text:
    return st.one_of(
        _form("coalesce({}, {})", uuids(depth), uuids(depth)),
        _form("({})::uuid", texts(0)),
        _form("case when {} ~ '^[0-9a-f-]{{36}}$' then {} end", texts(0), uuids(depth)),
        _form("(select p.owner_id from public.projects p where p.id = {})", uuids(depth)),
    )


@st.composite
def conditions(draw: st.DrawFn, depth: int) -> str:
    """Draw an expression of type boolean. Unlike the others its repr is short, which failures print."""
    return draw(booleans(depth))


_bools = st.sampled_from(("true", "false"))
_LEAF_CONDITIONS = (
    *("bucket_id = 'avatars'", "owner = auth.uid()", "owner_id = auth.uid()::text", "auth.uid() is not null"),
    *("(storage.foldername(name))[1] = auth.uid()::text", "storage.allow_only_operation('object.list')"),
    *("(select true)", "is_delete_marker", "archived_at is null", "created_at > now() - interval '1 hour'"),
    *(
        "updated_at between '2001-01-01' and now()",
        "(auth.jwt() -> 'app_metadata' ->> 'is_super_admin')::boolean",
    ),
    *(
        "public.is_admin()",
        "(select is_admin())",
        "public.has_role(auth.uid(), 'editor')",
        "null",
        "true",
        "false",
    ),
    *("bucket_id in (select id from storage.buckets where public)", "current_user = 'anon'"),
)


@lru_cache
def booleans(depth: int) -> Text:
    """Expressions of type boolean."""
    return _grown(st.sampled_from(_LEAF_CONDITIONS), _boolean_branches, depth)


def _boolean_branches(depth: int) -> Text:
    return st.one_of(
        _logic(depth),
        _text_conditions(depth),
        _text_conditions(depth),
        _other_conditions(depth),
        _subqueries(depth),
    )


def _logic(depth: int) -> Text:
    condition = booleans(depth)
    return st.one_of(
        _forms(
            "({} and {})\n({} or {})\n({} or {})\n({} and {})\n{} and {}\n({} = {})", condition, condition
        ),
        _forms(
            "not {}\n({}) is true\n({}) is not false\n({}) is null\n({}) is unknown\n(select {})", condition
        ),
        _form("case when {} then {} else {} end", condition, condition, condition),
        _form("coalesce({}, {})", condition, _bools),
    )


def _text_conditions(depth: int) -> Text:
    text, array = texts(depth), arrays(depth)
    return st.one_of(
        _forms(
            "{} = {}\n{} <> {}\n{} is distinct from {}\n{} is not distinct from {}\nstarts_with({}, {})",
            text,
            text,
        ),
        _forms(
            "{} in ({}, {})\n{} not in ({}, {})\n{} = any (array[{}, {}])\n{} <> all (array[{}, {}])",
            text,
            text,
            _words,
        ),
        _forms("{} is null\n{} is not null", text),
        _forms("{} like {}\n{} not like {}\n{} ilike {}\n{} ~~ {}", text, _literals(*_PATTERNS)),
        _form("{} like ({} || '/%')", text, text),
        _forms("{} ~ {}\n{} !~ {}", text, _literals(*_REGEXES)),
        _forms("{} ~* {}\n{} !~* {}", text, _literals(*_ASCII_REGEXES)),
        _form("{} similar to 'a%|(b|_)+.jpg'", text),
        _forms("{} = any ({})\n{} <> all ({})", text, array),
        _forms("{} = {}\n{} && {}\n{} @> {}\n{} <@ {}", array, array),
        _form('({} collate "C") < {}', text, text),
    )


def _other_conditions(depth: int) -> Text:
    number, document = numbers(depth), documents(depth)
    return st.one_of(
        _forms("{} = {}\n{} < {}\n{} >= {}\n{} <> {}", number, number),
        _form("{} between {} and {}", number, number, number),
        _forms("{} = {}\n{} is distinct from {}", uuids(depth), uuids(depth)),
        _forms("({} ? {})", document, st.one_of(_literals(*_KEYS), texts(0))),
        _forms("({} ?| array[{}, 'public'])\n({} ?& array[{}])", document, _literals(*_KEYS)),
        _forms("({} @> {})\n({} <@ {})\n({} = {})", document, document),
        _forms(
            "({} ->> {})::boolean\n({} -> {})::boolean",
            document,
            _literals("locked", "shared", "is_anonymous"),
        ),
        _form("jsonb_typeof({}) = 'object'", document),
    )


def _subqueries(depth: int) -> Text:
    text, condition = texts(depth), booleans(min(depth, 1))
    return st.one_of(
        _form("exists (select 1 from public.projects p where p.id::text = {} and {})", text, condition),
        _form("not exists (select 1 from public.attachments a where a.file_path = {})", text),
        _form("exists (select 1 from public.projects p where p.id = id and {})", condition),
        _form("{} in (select m.org_id::text from public.org_members m where m.user_id = auth.uid())", text),
        _form("exists (select 1 from storage.buckets b where b.id = {} and b.public)", text),
        _form("{} in (select b.id from storage.buckets b where b.owner_id = {})", text, text),
        _form("{} = any (select my_org_ids()::text)", text),
        _form("{} not in (select a.file_path from public.attachments a where a.status = 'draft')", text),
        _form("(select p.is_admin from public.profiles p where p.id = {})", uuids(depth)),
    )
