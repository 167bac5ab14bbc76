"""Options of the whole suite, and the one PostgreSQL cluster that it shares."""

import pytest

# Here and nowhere else: a second conftest.py that imports it makes a second cluster.
from tests.conformance.postgres import cluster as cluster


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register how much the long suites do. The default is the short form that `make test` runs."""
    parser.addoption("--law-size", type=int, default=1, help="run tests/law this many times its short form")
    parser.addoption("--law-seed", type=int, default=20260131, help="where its random choices begin")
    parser.addoption(
        "--crash-size", type=int, default=1, help="run tests/crash this many times its short form"
    )
    parser.addoption("--crash-seed", type=int, default=20260131, help="where its random choices begin")
