import re
from collections.abc import Iterator

import pytest
from prometheus_client.metrics import MetricWrapperBase

from aerostore.telemetry import Telemetry
from tests.house.page import code_words, read_page, table_rows

SUFFIXES = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "gauge": [""]}
METRICS = {
    family.name: (metric, family.type)
    for metric in vars(Telemetry()).values()
    if isinstance(metric, MetricWrapperBase)
    for family in metric.describe()
}


def test_page_documents_exactly_the_metrics_that_exist() -> None:
    exposed = {name + SUFFIXES["counter"][0] * (kind == "counter") for name, (_, kind) in METRICS.items()}
    assert set(documented()) == exposed


@pytest.mark.parametrize("name", METRICS)
def test_page_names_type_and_labels(name: str) -> None:
    metric, kind = METRICS[name]
    documented_kind, labels = documented().get(name) or documented()[f"{name}_total"]
    assert documented_kind == kind
    child = metric.labels(*labels) if labels else metric
    assert child is metric or metric.labels(**dict(zip(labels, labels, strict=True))) is child


def test_alerts_use_series_that_exist() -> None:
    series = {name + suffix for name, (_, kind) in METRICS.items() for suffix in SUFFIXES[kind]}
    used = set(re.findall(r"\b(?:storage|http)_\w+", " ".join(expressions())))
    assert used
    assert used <= series


def test_every_alert_has_expression_severity_and_text() -> None:
    rules = read_page("docs/reference/alerts.yml").split("- alert: ")[1:]
    assert len(rules) >= 3
    for rule in rules:
        for key in ("expr:", "for:", "severity:", "summary:", "description:"):
            assert key in rule, rule


def documented() -> dict[str, tuple[str, list[str]]]:
    """Metric -> its type and its labels."""
    rows = table_rows(read_page("docs/reference/metrics.md"))
    return {code_words(row[0])[0]: (row[1], code_words(row[2])) for row in rows}


def expressions() -> Iterator[str]:
    """Yield the lines of every `expr`, whether they follow the key or stand in a block under it."""
    inside = False
    for line in read_page("docs/reference/alerts.yml").splitlines():
        if re.match(r"\s+\w+:", line):
            inside = line.strip().startswith("expr:")
        if inside:
            yield line
