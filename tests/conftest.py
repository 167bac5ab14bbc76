"""Options of the whole suite, the one PostgreSQL cluster that it shares, and what tests say at its end."""

import itertools
from collections.abc import Callable

import pytest

# Here and nowhere else: a second conftest.py that imports it makes a second cluster.
from tests.conformance.postgres import cluster as cluster

_REPORT = "report"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register how much the long suites do. The default is the short form that `make test` runs."""
    parser.addoption("--law-size", type=int, default=1, help="run tests/law this many times its short form")
    parser.addoption("--law-seed", type=int, default=20260131, help="where its random choices begin")
    parser.addoption(
        "--crash-size", type=int, default=1, help="run tests/crash this many times its short form"
    )
    parser.addoption("--crash-seed", type=int, default=20260131, help="where its random choices begin")


@pytest.fixture
def report(record_property: Callable[[str, object], None]) -> Callable[[object], None]:
    """A function that shows a line at the end of the run, whether the test passes or fails."""
    # A property travels with the outcome of its test: the run may have several processes.
    return lambda line: record_property(_REPORT, str(line))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests had to say of their work."""
    for outcome in itertools.chain.from_iterable(terminalreporter.stats.values()):
        if getattr(outcome, "when", None) == "call":
            for line in (value for name, value in outcome.user_properties if name == _REPORT):
                terminalreporter.write_line(line)
