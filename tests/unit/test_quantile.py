"""Quantiles from counts within bounds."""

import pytest

from aerostore.service.metrics import quantile_ms
from aerostore.telemetry import Tally


def counts_of(*seconds: float) -> list[float]:
    tally = Tally()
    for each in seconds:
        tally.add(200, each)
    return [float(count) for count in tally.times]


def test_without_requests_there_is_none() -> None:
    assert quantile_ms(counts_of(), 0.5) is None


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
def test_it_lies_within_the_bounds_around_the_times(share: float) -> None:
    found = quantile_ms(counts_of(*[0.003] * 100), share)
    assert found is not None
    assert 2.5 < found <= 5


def test_a_few_slow_requests_show_in_the_last_hundredth_only() -> None:
    times = counts_of(*[0.003] * 98, 2.0, 2.0)
    median, slowest = quantile_ms(times, 0.5), quantile_ms(times, 0.99)
    assert median is not None
    assert slowest is not None
    assert median <= 5
    assert 1000 < slowest <= 2500


def test_what_took_longer_than_the_last_bound_is_taken_for_the_last_bound() -> None:
    assert quantile_ms(counts_of(3600.0), 0.5) == Tally.bounds_s[-1] * 1000
