"""docs/reference/policies.md lists what the engine and the cases know, no more and no less."""

import re

from aerostore.cli.case_file import CASE_KEYS, FILE_KEYS
from aerostore.policy.case import OPERATIONS
from aerostore.policy.catalog import STORAGE_TABLES
from aerostore.policy.function import FUNCTIONS, OPERATORS
from tests.house.page import code_words, read_page, table_rows

PAGE = "docs/reference/policies.md"


def section(title: str) -> str:
    return read_page(PAGE).partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_every_function_is_listed() -> None:
    shown = {word.removesuffix("()") for word in code_words(section("Expressions"))}
    assert sorted({function.name for function in FUNCTIONS} - shown) == []


def test_every_function_that_is_listed_exists() -> None:
    listed = code_words(section("Expressions").partition("Functions:")[2].partition("\n\nRegular")[0])
    known = {function.name for function in FUNCTIONS}
    assert sorted({word.removesuffix("()") for word in listed} - known) == []


def test_every_operator_is_listed() -> None:
    shown = {word.replace("\\|", "|") for word in code_words(section("Expressions"))}
    assert sorted({operator.name for operator in OPERATORS} - shown) == []


def test_columns_are_those_of_the_tables() -> None:
    listed = {code_words(row[0])[0]: set(code_words(row[1])) for row in table_rows(section("Columns"))}
    assert listed == {name: set(table.columns) for name, table in STORAGE_TABLES.items()}


def test_keys_of_cases_are_all_listed() -> None:
    listed = {word for row in table_rows(section("Cases")) for word in code_words(row[0])}
    assert listed == set(CASE_KEYS) | set(FILE_KEYS)


def test_operations_of_cases_are_all_listed() -> None:
    words = re.findall(r"`([a-z ]+)`", section("Cases").partition("Operations:")[2].partition(".")[0])
    assert words == list(OPERATIONS)
