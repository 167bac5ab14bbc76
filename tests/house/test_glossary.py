import inspect
import re

import pytest

from aerostore import domain
from tests.house.page import read_page, table_rows

# The words that have one meaning each, everywhere in code, documentation and messages.
FIELD_TERMS = [
    "bucket",
    "object",
    "name",
    "blob",
    "blob key",
    "prefix",
    "delimiter",
    "common prefix",
    "etag",
    "upload session",
    "part",
    "offset",
    "owner",
    "role",
    "claims",
    "RLS context",
    "policy",
    "outbox",
    "reclaim",
    "orphan",
]
DOMAIN_CLASSES = [
    name
    for name, value in vars(domain).items()
    if inspect.isclass(value) and value.__module__ == domain.__name__
]


@pytest.mark.parametrize("term", FIELD_TERMS)
def test_field_term_is_defined(term: str) -> None:
    assert term in definitions()


@pytest.mark.parametrize("name", DOMAIN_CLASSES)
def test_noun_of_the_domain_is_defined(name: str) -> None:
    words = re.findall(r"[A-Z][a-z]+", name)
    assert " ".join(words).lower() in {term.lower() for term in definitions()}


def test_each_definition_is_one_sentence() -> None:
    many = [term for term, text in definitions().items() if not re.fullmatch(r"[^.]+\.", text)]
    assert many == []


def test_terms_are_sorted() -> None:
    terms = list(definitions())
    assert terms == sorted(terms, key=str.lower)


def definitions() -> dict[str, str]:
    return {term.strip("*"): text for term, text in table_rows(read_page("docs/glossary.md"))}
