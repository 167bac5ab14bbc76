import re
from collections import Counter

import pytest

from aerostore import errors
from aerostore.api.error_response import WIRE_ERRORS, wire_error
from aerostore.api.s3.fault import FAULTS
from aerostore.errors import StorageError
from tests.error_family import error_types
from tests.house.page import code_words, read_page, table_rows

TREE_LINE = re.compile(r"^[│├└─ ]*(\w+)(?: +(\w+))?(?: +\(retryable\))?$", re.MULTILINE)
FAMILY = error_types()

any_error = pytest.mark.parametrize("kind", FAMILY, ids=lambda kind: kind.__name__)


@any_error
def test_page_states_how_the_error_looks(kind: type[StorageError]) -> None:
    row = wire_error(kind)
    code = row.code or kind.code
    assert documented()[kind.__name__][:6] == (
        kind.code,
        str(row.http),
        str(row.status),
        row.label or code,
        code,
        f"{row.s3_status or row.status} `{row.s3 or kind.code}`",
    )


@any_error
def test_page_states_cause_and_remedy(kind: type[StorageError]) -> None:
    cause, remedy = documented()[kind.__name__][6:]
    assert cause.endswith(".")
    assert remedy.endswith(".")


@any_error
def test_error_has_a_row_for_the_wire_of_its_own_or_of_its_family(kind: type[StorageError]) -> None:
    assert kind is StorageError or any(
        base in WIRE_ERRORS for base in kind.__mro__ if base is not StorageError
    )


def test_page_documents_only_errors_that_exist() -> None:
    assert set(documented()) == {kind.__name__ for kind in FAMILY}


def test_codes_are_unique() -> None:
    assert [code for code, uses in Counter(kind.code for kind in FAMILY).items() if uses > 1] == []


def test_tree_in_the_module_lists_every_class_with_its_code() -> None:
    drawn = dict(TREE_LINE.findall(errors.__doc__ or ""))
    assert drawn == {kind.__name__: "" if kind is StorageError else kind.code for kind in FAMILY}


def test_page_documents_every_code_that_only_s3_has() -> None:
    _, faults = pages()
    assert {plain(row[0]): int(row[1]) for row in table_rows(faults)} == FAULTS


def documented() -> dict[str, tuple[str, ...]]:
    """Class name -> code, HTTP status, statusCode, error, code in the body, at S3, cause, remedy."""
    family, _ = pages()
    return {plain(row[1]): (*map(plain, [row[0], *row[2:6]]), *row[6:]) for row in table_rows(family)}


def pages() -> tuple[str, str]:
    """Return the page's part about the family, and the one about what only S3 has."""
    family, _, faults = read_page("docs/errors.md").partition("## Of the S3 protocol alone")
    return family, faults


def plain(cell: str) -> str:
    return code_words(cell)[0] if "`" in cell else cell
