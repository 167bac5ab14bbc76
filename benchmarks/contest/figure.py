"""From samples to figures: medians of the rounds, and ratios taken within each round."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.contest.sample import Sample, Unit

CLEARLY_SLOWER = 0.85
"""A change of less than 15 % is not told from noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One contender at one work: medians over the rounds, with the least and the greatest figure."""

    middle: float
    least: float
    greatest: float
    p50_ms: float
    p99_ms: float
    server_cpu: float | None
    loader_cpu_s: float
    peak_mib: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """How many times as fast as another: median, least and greatest over the rounds."""

    middle: float
    least: float
    greatest: float

    @property
    def is_clearly_slower(self) -> bool:
        """Tell whether it is slower by more than noise: in the middle by 15 %, and in no round as fast."""
        return self.middle < CLEARLY_SLOWER and self.greatest < 1


def to_figure(samples: Sequence[Sample], unit: Unit) -> Figure | None:
    """Return the figure of valid samples; None when one is not, for then the work was not done."""
    if not samples or not all(sample.is_valid for sample in samples):
        return None
    figures = [sample.figure(unit) for sample in samples]
    cpu = [each for sample in samples if (each := sample.server_cpu(unit)) is not None]
    peaks = [peak for sample in samples for peak in sample.peaks_mib]
    return Figure(
        middle=median(figures),
        least=min(figures),
        greatest=max(figures),
        p50_ms=median(sample.load.p50_ms for sample in samples),
        p99_ms=median(sample.load.p99_ms for sample in samples),
        server_cpu=median(cpu) if cpu else None,
        loader_cpu_s=median(sample.loader_cpu_s for sample in samples),
        peak_mib=max(peaks, default=None),
    )


def to_ratio(samples: Sequence[Sample], reference: Sequence[Sample], unit: Unit) -> Ratio | None:
    """Compare samples with those of `reference`, round by round: above 1 is faster, or smaller.

    None unless both did the work in every round: other load meets both alike only in the same one.
    """
    if len(samples) != len(reference) or not to_figure(samples, unit) or not to_figure(reference, unit):
        return None
    return _over_rounds(
        _times_as_good(mine.figure(unit), other.figure(unit), unit)
        for mine, other in zip(samples, reference, strict=True)
    )


def to_cpu_ratio(samples: Sequence[Sample], reference: Sequence[Sample], unit: Unit) -> Ratio | None:
    """Compare the server's CPU time with that of `reference`, round by round: above 1 takes less.

    Other load on the machine hardly shows in it. None where it was not, or cannot be, seen.
    """
    if to_ratio(samples, reference, unit) is None or unit is Unit.MEMORY:
        return None
    pairs = [
        (mine.server_cpu(unit), other.server_cpu(unit))
        for mine, other in zip(samples, reference, strict=True)
    ]
    seen = [other / mine for mine, other in pairs if mine and other]
    return _over_rounds(seen) if len(seen) == len(pairs) else None


def _over_rounds(ratios: Iterable[float]) -> Ratio:
    values = list(ratios)
    return Ratio(middle=median(values), least=min(values), greatest=max(values))


def _times_as_good(mine: float, other: float, unit: Unit) -> float:
    return mine / other if unit.more_is_better else other / mine


def count_errors(samples: Sequence[Sample]) -> dict[str, int]:
    """Return how many errors of each kind the samples have together."""
    counted: dict[str, int] = {}
    for sample in samples:
        for kind, count in sample.load.errors.items():
            counted[kind] = counted.get(kind, 0) + count
    return counted
