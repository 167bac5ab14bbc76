"""The functions' front door, their traps by name, and what their declarations promise."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID as Uuid

import pytest

from aerostore.policy.expression import Function
from aerostore.policy.function import (
    FUNCTIONS,
    OPERATORS,
    SLICE,
    SUBSCRIPT,
    bytewise,
    check_pattern,
    equality,
    find_cast,
    find_functions,
    find_operators,
    needs_collation,
    ordering,
    owner_of,
    path_tokens,
    read_text,
    why_refused,
    write_text,
)
from aerostore.policy.problem import EvaluationError
from aerostore.policy.value import (
    ANYARRAY,
    BOOL,
    DATE,
    FLOAT8,
    INT4,
    INT8,
    INTERVAL,
    JSON,
    JSONB,
    NUMERIC,
    TEXT,
    TIMESTAMPTZ,
    UUID,
    Environment,
    Interval,
    Json,
    JsonText,
    Type,
    array_of,
)
from tests.policy.sample import Sampler, casts

EVERY_FUNCTION = (*FUNCTIONS, *OPERATORS, SUBSCRIPT, SLICE, *casts())
NOW = datetime(2026, 1, 31, 9, tzinfo=UTC)
USER = "d8c7bce9-cfeb-497b-bd61-e66ce2cbdaa2"
NOBODY = Environment(role="anon", now=NOW, settings={})
TEXTS = array_of(TEXT)


def function(name: str, *parameters: Type) -> Function:
    found = find_functions(tuple(name.split("."))) or find_operators(name)
    return next(each for each in found if not parameters or each.parameters == parameters)


def call(name: str, *arguments: Any, types: tuple[Type, ...] = ()) -> Any:
    return function(name, *types).run(*arguments)


def ask(name: str, *arguments: Any, **settings: str) -> Any:
    given = {key.replace("__", "."): value for key, value in settings.items()}
    return function(name).run(replace(NOBODY, settings=given), *arguments)


def code_of(run: Any, *arguments: Any) -> str:
    with pytest.raises(EvaluationError) as raised:
        run(*arguments)
    return raised.value.code


def read(type_: Type, text: str) -> Any:
    return read_text(type_, text)


def jsonb(text: str) -> Any:
    return read_text(JSONB, text)


@pytest.mark.parametrize("subject", EVERY_FUNCTION, ids=lambda subject: str(subject.name))
def test_function_raises_only_evaluation_errors_and_only_when_it_says_so(subject: Function) -> None:
    sampler = Sampler(1)
    outcomes = [sampler.call(subject).outcome(NOBODY) for _ in range(200)]
    assert subject.may_raise or all(kind == "ok" for kind, _ in outcomes)


def test_no_two_functions_have_one_name_and_the_same_parameters() -> None:
    signatures = [(each.name, each.parameters, each.variadic) for each in (*FUNCTIONS, *OPERATORS)]
    assert len(signatures) == len(set(signatures))


def test_functions_are_found_in_their_schemas() -> None:
    assert find_functions(("lower",)) == find_functions(("pg_catalog", "lower")) != ()
    assert find_functions(("storage", "foldername")) != ()
    assert find_functions(("foldername",)) == ()
    along_the_path = find_functions(("foldername",), ("public", "storage"))
    assert along_the_path == find_functions(("storage", "foldername"))
    assert find_functions(("public", "lower")) == ()
    assert find_functions(("pg_catalog", "storage", "foldername")) == ()


def test_refused_functions_are_not_offered() -> None:
    assert why_refused("random") == why_refused("clock_timestamp")
    assert not [each.name for each in FUNCTIONS if why_refused(each.name) is not None]


def test_operators_are_found_by_their_symbol() -> None:
    assert {each.parameters for each in find_operators("->")} >= {(JSONB, TEXT), (JSONB, INT4), (JSON, TEXT)}
    assert (ANYARRAY, ANYARRAY) in {each.parameters for each in find_operators("=")}
    assert find_operators("@@") == ()


def test_only_the_order_of_text_needs_a_collation() -> None:
    ordered = ordering(TEXT)
    assert ordered is not None
    assert needs_collation(ordered)
    assert ordered.run("Z", "a")
    assert ordered.run(
        "\uffff", "\U00010000"
    )  # code points, as bytes of UTF-8; UTF-16 has them the other way
    assert not needs_collation(function("=", TEXT, TEXT))
    assert not needs_collation(function("<", INT4, INT4))
    assert ordering(JSONB) is None


def test_arrays_are_equal_with_their_nulls() -> None:
    equal = equality(array_of(TEXT))
    assert equal is not None
    assert equal.run(("a", None), ("a", None))
    assert not equal.run(("a", None), ("a", "b"))
    assert equality(array_of(JSON)) is equality(JSON) is None


@pytest.mark.parametrize(
    ("source", "target", "context"),
    [
        (INT4, INT8, "implicit"),
        (INT8, INT4, "assignment"),
        (INT4, BOOL, "explicit"),
        (UUID, TEXT, "assignment"),
        (TEXT, UUID, "explicit"),
        (JSONB, INT4, "explicit"),
        (DATE, TIMESTAMPTZ, "implicit"),
        (TEXTS, array_of(UUID), "explicit"),
        (array_of(INT4), array_of(INT8), "implicit"),
        (TEXT, TEXT, "implicit"),
    ],
)
def test_casts_apply_where_they_do_in_postgres(source: Type, target: Type, context: str) -> None:
    rule = find_cast(source, target)
    assert rule is not None
    assert rule.context == context


def test_types_that_have_no_cast_between_them_have_none() -> None:
    assert find_cast(UUID, INT4) is None
    assert find_cast(BOOL, INT8) is None
    assert find_cast(array_of(UUID), array_of(INT4)) is None
    assert find_cast(TEXT, TEXT) is not None


def test_boolean_is_written_in_full_only_by_a_cast() -> None:
    rule = find_cast(BOOL, TEXT)
    assert rule is not None
    assert rule.function is not None
    assert rule.function.run(True) == "true"
    assert write_text(BOOL, True) == call("concat", True) == "t"


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        (BOOL, " tR", True),
        (BOOL, "of", False),
        (INT4, " -12\n", -12),
        (INT8, "0" * 5_000 + "7", 7),
        (NUMERIC, "1.50e1", Decimal("15.0")),
        (NUMERIC, "-0.0", Decimal("0.0")),
        (UUID, "{D8C7BCE9cfeb-497bbd61-e66ce2cbdaa2}", Uuid(USER)),
        (JSONB, '{"a": 1, "a": 1.50}', Json({"a": Decimal("1.50")})),
        (JSON, '"\\ud83d"', JsonText('"\\ud83d"')),
        (TEXTS, '{a b , "c\\"d", NULL, "NULL", e\\ }', ("a b", 'c"d', None, "NULL", "e ")),
        (TEXTS, "{ }", ()),
        (TIMESTAMPTZ, "2026-01-31T10:30:00.5+01:30", datetime(2026, 1, 31, 9, 0, 0, 500_000, tzinfo=UTC)),
        (INTERVAL, "-1 year 3 days -01:00", Interval(-12, 3, -3_600_000_000)),
    ],
)
def test_text_is_read_as_postgres_reads_it(type_: Type, text: str, value: Any) -> None:
    assert read(type_, text) == value


@pytest.mark.parametrize(
    ("type_", "text", "code"),
    [
        (BOOL, "o", "22P02"),
        (INT4, "", "22P02"),
        (INT4, "0x1F", "22P02"),
        (INT4, "99999999999x", "22003"),
        (INT8, "9223372036854775808", "22003"),
        (NUMERIC, ".", "22P02"),
        (NUMERIC, "1e200000", "22003"),
        (NUMERIC, "NaN", "0A000"),
        (FLOAT8, "1e-400", "22003"),
        (FLOAT8, "0x1F", "0A000"),
        (UUID, f" {USER}", "22P02"),
        (UUID, USER + "-", "22P02"),
        (UUID, "", "22P02"),
        (JSONB, "nan", "22P02"),
        (JSONB, '"\\u0000"', "22P05"),
        (JSONB, '["\\u0000', "22P05"),
        (JSONB, '["\\u0000" x', "22P05"),
        (JSONB, '["\\x\\u0000"]', "22P02"),
        (JSONB, '["\\ud83d", "\\u0000"]', "22P02"),
        (JSONB, '"\\ude00"', "22P02"),
        (JSONB, "[" * 201 + "]" * 201, "54001"),
        (JSONB, "1e200000", "22003"),
        (JSON, "{'a': 1}", "22P02"),
        (TEXTS, "a", "22P02"),
        (TEXTS, "{a,}", "22P02"),
        (TEXTS, "{a}b", "22P02"),
        (TEXTS, "{{a}}", "0A000"),
        (TEXTS, "[0:1]={a,b}", "0A000"),
        (array_of(UUID), "{a}", "22P02"),
        (DATE, "2026-02-30", "22008"),
        (DATE, "now", "0A000"),
        (DATE, "31.01.2026", "0A000"),
        (TIMESTAMPTZ, "2026-01-31 10:00+16", "22009"),
        (INTERVAL, "1 fortnight", "0A000"),
    ],
)
def test_text_that_is_no_value_has_the_code_of_postgres(type_: Type, text: str, code: str) -> None:
    assert code_of(read_text, type_, text) == code


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e15, "1e+15"),
        (1e14, "100000000000000"),
        (0.0001, "0.0001"),
        (-1e-5, "-1e-05"),
        (1e23, "9.999999999999999e+22"),  # Python's shortest, 1e+23, lies halfway to the neighbour
        (5e22, "4.9999999999999996e+22"),
        (0.0, "0"),
    ],
)
def test_double_is_written_with_the_digits_of_postgres(value: float, text: str) -> None:
    assert write_text(FLOAT8, value) == text


def test_jsonb_is_written_with_its_keys_sorted_short_ones_first() -> None:
    text = '{"bb": [1.50, null, true], "c": "\\u00e9\\n", "a": {}}'
    assert write_text(JSONB, jsonb(text)) == '{"a": {}, "c": "é\\n", "bb": [1.50, null, true]}'


@pytest.mark.parametrize(
    ("name", "arguments", "value"),
    [
        ("storage.foldername", ("a/b/c.png",), ("a", "b")),
        ("storage.foldername", ("c.png",), ()),
        ("storage.foldername", ("",), None),
        ("storage.foldername", ("a//",), ("a", "")),
        ("storage.filename", ("a/",), ""),
        ("storage.filename", ("",), None),
        ("storage.extension", ("a.b/c.tar.gz",), "gz"),
        ("storage.extension", ("a.b/README",), "README"),
        ("split_part", ("a/b", "/", -1), "b"),
        ("split_part", ("a/b", "", 1), "a/b"),
        ("split_part", ("a/b", "/", 3), ""),
        ("left", ("abc", -1), "ab"),
        ("right", ("abc", -1), "bc"),
        ("right", ("abc", -(2**31)), "abc"),
        ("strpos", ("abc", ""), 1),
        ("translate", ("abca", "aba", "xy"), "xycx"),
        ("concat", ("a", None, 1, Uuid(USER)), f"a1{USER}"),
        ("concat_ws", (None, "a"), None),
        ("format", ("%s/%%/%s", Uuid(USER), None), f"{USER}/%/"),
        ("string_to_array", ("", "/"), ()),
        ("string_to_array", ("ab", None), ("a", "b")),
        ("string_to_array", ("a/b", ""), ("a/b",)),
        ("array_length", ((), 1), None),
        ("array_length", (("a",), 2), None),
        ("cardinality", ((),), 0),
        ("array_position", (("a", None), None), 2),
        ("array_position", (("a", "b", "a"), "a", 2), 3),
        ("jsonb_typeof", (Json(None),), "null"),
        ("lower", ("\u0130\u03a3",), "i\u03c3"),
        ("upper", ("\u00df\u1fb3\u01c6",), "\u00df\u1fbc\u01c4"),
        ("md5", ("",), "d41d8cd98f00b204e9800998ecf8427e"),
    ],
)
def test_function_returns(name: str, arguments: tuple[Any, ...], value: Any) -> None:
    assert function(name).run(*arguments) == value


@pytest.mark.parametrize(
    ("left", "symbol", "right", "value"),
    [
        ("true", "->", 0, Json(True)),
        ("true", "->", -1, Json(True)),
        ("true", "->", 1, None),
        ('{"0": 1}', "->", 0, None),
        ('{"a": null}', "->", "a", Json(None)),
        ('{"a": null}', "->>", "a", None),
        ('{"a": 1.50}', "->>", "a", "1.50"),
        ("[1, 2]", "->", -1, Json(2)),
        ('"a"', "?", "a", True),
        ("[1]", "?", "1", False),
        ('{"a": [{"b": 1}]}', "#>>", ("a", "-1", "b"), "1"),
        ("1", "#>", ("0",), None),
        ('{"a": 1}', "#>", ("a", None), None),
        ("[1, 2, 1]", "-", 0, Json([2, 1])),
        ('["a", 1]', "-", "a", Json([1])),
    ],
)
def test_jsonb_operator_returns(left: str, symbol: str, right: Any, value: Any) -> None:
    kind = {int: INT4, str: TEXT, tuple: TEXTS}[type(right)]
    assert function(symbol, JSONB, kind).run(jsonb(left), right) == value


@pytest.mark.parametrize(
    ("outer", "inner", "contained"),
    [
        ('["a", "b"]', '"a"', True),
        ('"a"', '["a"]', False),
        ("[[1, 2]]", "[[1]]", True),
        ("[1, 2]", "[2, 2, 1]", True),
        ('{"a": {"b": 1, "c": 2}}', '{"a": {"b": 1.0}}', True),
        ('{"a": [1]}', '{"a": 1}', False),
        ("[true]", "[1]", False),
    ],
)
def test_jsonb_contains(outer: str, inner: str, contained: bool) -> None:
    assert function("@>", JSONB, JSONB).run(jsonb(outer), jsonb(inner)) is contained
    assert function("<@", JSONB, JSONB).run(jsonb(inner), jsonb(outer)) is contained


def test_true_is_not_one_in_jsonb() -> None:
    equal = function("=", JSONB, JSONB)
    assert equal.run(jsonb("1.0"), jsonb("1"))
    assert not equal.run(jsonb("true"), jsonb("1"))
    assert not equal.run(jsonb('{"a": [false]}'), jsonb('{"a": [0]}'))


def test_json_keeps_the_text_of_what_it_holds() -> None:
    document = read(JSON, ' {"a" : 1.50e1 , "a": {"b":[ "\\u00e9" ]}} ')
    assert function("->", JSON, TEXT).run(document, "a") == JsonText('{"b":[ "\\u00e9" ]}')
    assert function("#>>", JSON, TEXTS).run(document, ("a", "b", "0")) == "é"
    assert function("->", JSON, INT4).run(read(JSON, "true"), 0) is None


def test_null_is_in_no_array_and_shares_none() -> None:
    assert not function("@>", ANYARRAY, ANYARRAY).run(("a", None), (None,))
    assert function("@>", ANYARRAY, ANYARRAY).run(("a",), ())
    assert not function("&&", ANYARRAY, ANYARRAY).run((None,), (None,))


def test_arrays_are_sliced_and_subscripted_from_one() -> None:
    assert SUBSCRIPT.run(("a", "b"), 0) is None
    assert SUBSCRIPT.run(("a", "b"), 2) == "b"
    assert SLICE.run(("a", "b", "c"), -5, 2) == ("a", "b")
    assert SLICE.run(("a", "b"), 2, 1) == ()


@pytest.mark.parametrize(
    ("symbol", "type_", "left", "right", "code"),
    [
        ("+", INT4, 2**31 - 1, 1, "22003"),
        ("/", INT4, -(2**31), -1, "22003"),
        ("%", INT8, 1, 0, "22012"),
        ("/", NUMERIC, Decimal(1), Decimal("0.00"), "22012"),
        ("*", FLOAT8, 1e300, 1e300, "22003"),
        ("*", FLOAT8, 1e-300, 1e-300, "22003"),
    ],
)
def test_arithmetic_fails_as_in_postgres(symbol: str, type_: Type, left: Any, right: Any, code: str) -> None:
    assert code_of(function(symbol, type_, type_).run, left, right) == code


def test_integers_are_divided_towards_zero() -> None:
    assert function("/", INT4, INT4).run(-7, 2) == -3
    assert function("%", INT4, INT4).run(-7, 2) == -1


def test_numerics_are_divided_to_the_scale_of_postgres() -> None:
    divide = function("/", NUMERIC, NUMERIC)
    assert str(divide.run(Decimal(1), Decimal(3))) == "0.33333333333333333333"
    assert str(divide.run(Decimal(-2), Decimal(3))) == "-0.66666666666666666667"
    assert str(divide.run(Decimal("1e40"), Decimal("1.50"))) == "6" * 40 + ".67"


@pytest.mark.parametrize(
    ("text", "pattern", "matches"),
    [
        ("A", "a", False),
        ("a%", r"a\%", True),
        ("ab", r"a\%", False),
        ("aab", "%ab", True),
        ("abc", "a_", False),
        ("", "%", True),
        ("", "_", False),
        ("abc", "abc\\", False),
        ("a\nb", "a_b", True),
    ],
)
def test_like_matches(text: str, pattern: str, matches: bool) -> None:
    assert call("~~", text, pattern) is matches
    assert call("!~~", text, pattern) is not matches


def test_like_fails_only_when_it_reaches_the_open_escape() -> None:
    assert code_of(function("~~").run, "abcd", "abc\\") == "22025"
    assert call("~~", "xbcd", "abc\\") is False


def test_ilike_folds_as_lower_does_and_bytewise_only_ascii() -> None:
    ilike = function("~~*")
    assert ilike.run("\u00c9A", "\u00e9a")
    assert not bytewise(ilike).run("\u00c9A", "\u00e9a")
    assert bytewise(ilike).run("\u00e9A", "\u00e9a")


def test_bytewise_text_keeps_its_letters_beyond_ascii() -> None:
    assert bytewise(function("lower")).run("\u00c9A") == "\u00c9a"
    assert bytewise(function("upper")).run("\u00e9a") == "\u00e9A"
    assert bytewise(function("length")) is function("length")


def test_patterns_are_checked_where_a_function_takes_one() -> None:
    check_pattern(function("~"), "^a")
    check_pattern(function("lower"), "(")
    assert code_of(check_pattern, function("!~"), "(") == "2201B"
    assert code_of(check_pattern, function("~*"), "\u00e9") == "0A000"
    assert code_of(check_pattern, function("substring", TEXT, TEXT), "a|b") == "0A000"


def test_user_id_comes_from_its_own_setting_or_from_the_claims() -> None:
    own = {"request__jwt__claim__sub": USER}
    claims = {"request__jwt__claims": f'{{"sub": "{USER}"}}'}
    assert ask("auth.uid", **own) == ask("auth.uid", **claims) == Uuid(USER)
    assert ask("auth.uid", **claims, request__jwt__claim__sub="") == Uuid(USER)
    assert ask("auth.uid") is None
    assert ask("auth.uid", request__jwt__claims="{}") is None


@pytest.mark.parametrize("claims", ('{"sub": ""}', '{"sub": 5}', '{"sub": "me"}', "not JSON"))
def test_user_id_that_is_no_uuid_fails(claims: str) -> None:
    with pytest.raises(EvaluationError) as raised:
        ask("auth.uid", request__jwt__claims=claims)
    assert raised.value.code == "22P02"


def test_role_and_email_are_text_whatever_their_claim_is() -> None:
    assert ask("auth.role", request__jwt__claims='{"role": ["a"]}') == '["a"]'
    assert ask("auth.email", request__jwt__claims='{"email": null}') is None
    assert ask("auth.role", request__jwt__claims="[1]") is None
    assert ask("auth.jwt", request__jwt__claims="") is None


@pytest.mark.parametrize(
    ("current", "expected", "allowed"),
    [
        ("storage.object.list", "object.list", True),
        ("object.list", "storage.object.list", True),
        ("storage.object.list_v2", "object.list", False),
        ("storage.object.list", None, False),
        ("storage.object.list", "", False),
        ("", "", False),
        ("storage.", "storage.", False),
    ],
)
def test_operation_is_compared_without_its_schema(current: str, expected: str | None, allowed: bool) -> None:
    assert ask("storage.allow_only_operation", expected, storage__operation=current) is allowed
    assert ask("storage.allow_any_operation", ("x", expected), storage__operation=current) is allowed


def test_setting_is_found_whatever_the_case_of_its_name() -> None:
    claims = {"request__jwt__claims": "{}"}
    assert ask("current_setting", "Request.JWT.Claims", **claims) == "{}"
    assert function("current_setting", TEXT, BOOL).run(NOBODY, "request.jwt.claims", True) is None
    assert code_of(function("current_setting", TEXT).run, NOBODY, "no.such") == "42704"
    assert code_of(function("current_setting", TEXT).run, NOBODY, "server_version") == "0A000"
    assert ask("current_setting", "role") == ask("current_user") == "anon"


def test_months_are_added_up_to_the_end_of_the_month() -> None:
    add = function("+", TIMESTAMPTZ, INTERVAL)
    assert add.run(NOW, Interval(months=1)) == datetime(2026, 2, 28, 9, tzinfo=UTC)
    assert add.run(NOW, Interval(days=1, microseconds=1)) == NOW + timedelta(days=1, microseconds=1)
    assert code_of(add.run, NOW, Interval(months=12 * 9_000)) == "0A000"


def test_thirty_days_are_a_month_when_intervals_are_compared() -> None:
    assert function("=", INTERVAL, INTERVAL).run(Interval(months=1), Interval(days=30))


def test_owner_is_an_owner_id_that_is_a_uuid() -> None:
    assert owner_of(USER.upper()) == Uuid(USER)
    assert owner_of(USER.replace("-", "")) is None
    assert owner_of("me") is owner_of("") is owner_of(None) is None
    assert owner_of(f"{USER}\n") is None


def test_path_tokens_of_the_empty_name_are_none_at_all() -> None:
    assert path_tokens("a//b") == ("a", "", "b")
    assert path_tokens("") == ()
    assert path_tokens(None) is None
