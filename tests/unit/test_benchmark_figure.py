import pytest

from benchmarks.contest.figure import (
    Ratio,
    count_errors,
    to_cpu_ratio,
    to_figure,
    to_ratio,
)
from benchmarks.contest.sample import Load, Sample, Unit


def a_sample(
    rate: float = 100.0,
    *,
    cpu_s: float | None = 1.0,
    errors: dict[str, int] | None = None,
    p50_ms: float = 1.0,
) -> Sample:
    load = Load(
        requests=int(rate), seconds=1, size_bytes=int(rate) * 1_000_000, p50_ms=p50_ms, errors=errors or {}
    )
    return Sample(load=load, loader_cpu_s=0.5, server_cpu_s=cpu_s, peaks_mib=(10.0, 90.0))


def test_a_figure_is_the_median_of_the_rounds_with_its_spread() -> None:
    figure = to_figure([a_sample(100), a_sample(900), a_sample(200)], Unit.RATE)
    assert figure is not None
    assert (figure.least, figure.middle, figure.greatest, figure.peak_mib) == (100, 200, 900, 90)


@pytest.mark.parametrize(
    ("unit", "value"),
    [(Unit.RATE, 200), (Unit.THROUGHPUT, 200), (Unit.TIME, 1.0), (Unit.MEMORY, 200e6 / 2**20)],
)
def test_a_sample_is_read_as_its_unit_says(unit: Unit, value: float) -> None:
    assert a_sample(200).figure(unit) == pytest.approx(value)


@pytest.mark.parametrize(("unit", "cpu"), [(Unit.RATE, 0.005), (Unit.TIME, 0.005), (Unit.THROUGHPUT, 5.0)])
def test_cpu_time_is_that_of_a_request_or_of_a_gigabyte(unit: Unit, cpu: float) -> None:
    assert a_sample(200).server_cpu(unit) == pytest.approx(cpu)


@pytest.mark.parametrize(
    "samples",
    [[], [a_sample(), a_sample(errors={"status": 1})], [a_sample(), a_sample(rate=0)]],
    ids=["none", "one with an error", "one without an answer"],
)
def test_samples_that_are_not_all_valid_give_no_figure(samples: list[Sample]) -> None:
    assert to_figure(samples, Unit.RATE) is None
    assert to_ratio(samples, samples, Unit.RATE) is None
    assert to_cpu_ratio(samples, samples, Unit.RATE) is None


def test_a_ratio_is_taken_within_each_round() -> None:
    # Other load halved everything in the second round: the medians alone would say 100 to 125.
    mine, other = [a_sample(100), a_sample(50), a_sample(100)], [a_sample(200), a_sample(100), a_sample(125)]
    ratio = to_ratio(mine, other, Unit.RATE)
    assert ratio == Ratio(middle=0.5, least=0.5, greatest=0.8)


def test_a_ratio_above_one_is_better_for_times_too() -> None:
    ratio = to_ratio([a_sample(p50_ms=2)], [a_sample(p50_ms=6)], Unit.TIME)
    assert ratio is not None and ratio.middle == 3


def test_contenders_with_other_numbers_of_rounds_are_not_compared() -> None:
    assert to_ratio([a_sample()], [a_sample(), a_sample()], Unit.RATE) is None


def test_less_cpu_time_is_a_ratio_above_one() -> None:
    ratio = to_cpu_ratio([a_sample(cpu_s=1.0)], [a_sample(cpu_s=1.5)], Unit.RATE)
    assert ratio is not None and ratio.middle == pytest.approx(1.5)


@pytest.mark.parametrize("unseen", [None, 0.0])
def test_cpu_time_that_was_not_seen_is_not_compared(unseen: float | None) -> None:
    assert to_cpu_ratio([a_sample(cpu_s=unseen)], [a_sample()], Unit.RATE) is None


@pytest.mark.parametrize(
    ("ratio", "slower"),
    [
        (Ratio(middle=0.80, least=0.70, greatest=0.95), True),
        (Ratio(middle=0.80, least=0.50, greatest=1.05), False),
        (Ratio(middle=0.90, least=0.89, greatest=0.91), False),
        (Ratio(middle=1.50, least=1.20, greatest=1.90), False),
    ],
    ids=["in every round", "within the spread", "by less than 15 %", "faster"],
)
def test_clearly_slower_is_by_15_percent_and_in_every_round(ratio: Ratio, slower: bool) -> None:
    assert ratio.is_clearly_slower is slower


def test_errors_are_counted_over_all_rounds() -> None:
    samples = [a_sample(errors={"status": 2}), a_sample(), a_sample(errors={"status": 1, "read": 4})]
    assert count_errors(samples) == {"status": 3, "read": 4}
