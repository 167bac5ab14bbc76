import re
from collections.abc import Iterator

import pytest
from prometheus_client.metrics import MetricWrapperBase

from aerostore.telemetry import Telemetry
from tests.house.page import code_words, read_page, table_rows

SERIES = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "gauge": [""]}
METRICS = {
    family.name + "_total" * (family.type == "counter"): metric
    for metric in vars(Telemetry()).values()
    if isinstance(metric, MetricWrapperBase)
    for family in metric.describe()
}


def test_page_documents_exactly_the_metrics_that_exist() -> None:
    assert set(documented()) == set(METRICS)


@pytest.mark.parametrize("name", METRICS)
def test_page_states_type_and_labels(name: str) -> None:
    documented_type, labels = documented()[name]
    metric = METRICS[name]
    if labels:
        metric.labels(**dict.fromkeys(labels, "any"))
    family = next(iter(metric.collect()))
    assert family.type == documented_type
    assert family.samples
    assert {label for sample in family.samples for label in sample.labels} - {"le"} == set(labels)


def test_alerts_use_series_that_exist() -> None:
    families = [family for metric in METRICS.values() for family in metric.describe()]
    series = {family.name + suffix for family in families for suffix in SERIES[family.type]}
    used = set(re.findall(r"\b(?:storage|http)_\w+", " ".join(expressions())))
    assert used
    assert used <= series


def test_every_alert_has_expression_severity_and_text() -> None:
    rules = read_page("docs/reference/alerts.yml").split("- alert: ")[1:]
    assert len(rules) >= 3
    for rule in rules:
        for key in ("expr:", "severity:", "summary:", "description:"):
            assert key in rule, rule


def documented() -> dict[str, tuple[str, list[str]]]:
    """Metric -> its type and its labels."""
    rows = table_rows(read_page("docs/reference/metrics.md"))
    return {code_words(row[0])[0]: (row[1], code_words(row[2])) for row in rows if len(row) == 4}


def expressions() -> Iterator[str]:
    """Yield the lines of every `expr`, whether they follow the key or stand in a block under it."""
    inside = False
    for line in read_page("docs/reference/alerts.yml").splitlines():
        if re.match(r"\s+\w+:", line):
            inside = line.strip().startswith("expr:")
        if inside:
            yield line
