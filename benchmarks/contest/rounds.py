"""The contest itself: each work by all contenders in turn, round after round."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.contest import CannotRun, LeftOut
from benchmarks.contest.contender import Contender
from benchmarks.contest.process import cpu_of_children
from benchmarks.contest.sample import Load, Sample
from benchmarks.contest.site import FileSite
from benchmarks.contest.work import Bench, Trial, Work

_SPARE_BYTES = 2 << 30


@dataclass(slots=True)
class Outcome:
    """What one contender did at one work.

    problem: what went wrong, so that there are no more samples. left_out: why it was not asked at all.
    """

    samples: list[Sample] = field(default_factory=list)
    problem: str | None = None
    left_out: str | None = None


Outcomes = dict[str, Outcome]
"""By the name of the contender, in their order."""


def compete(
    work: Work, contenders: Sequence[Contender], bench: Bench, *, rounds: int, say: Callable[[str], None]
) -> Outcomes:
    """Let everybody who can do the work do it once to warm up, and then once in each round.

    Each round begins with another contender. One that fails does not go on.
    """
    able = {each.name: each for each in contenders if work.for_files or not _has_files_only(each)}
    outcomes = {name: Outcome() for name in able}
    trials: dict[str, Trial] = {}
    for name, contender in able.items():
        if trial := _warmed_up(outcomes[name], contender, work, bench):
            trials[name] = trial
            say(f"{work.name}: {name} is warm")
    for turn in range(min(rounds, work.most_rounds or rounds)):
        for name in rotated(list(trials), turn):
            sample = _attempt(outcomes[name], able[name], trials[name])
            if sample is None:
                del trials[name]
                continue
            outcomes[name].samples.append(sample)
            say(f"{work.name}: {name} {_shown(sample, work)}")
    if work.disk_bytes:
        for name, contender in able.items():
            _make_room(outcomes[name], contender)
    return outcomes


def rotated(names: Sequence[str], turn: int) -> list[str]:
    """Return the names in their order, beginning with another one in each turn."""
    start = turn % len(names) if names else 0
    return [*names[start:], *names[:start]]


def measure(contender: Contender, act: Callable[[], Load]) -> Sample:
    """Do it once, and see what it takes."""
    for tree in contender.main_trees:
        tree.reset_peaks()
    before, loader_before = contender.cpu_by_root(), cpu_of_children()
    load = act()
    after, loader_after = contender.cpu_by_root(), cpu_of_children()
    peaks = tuple(peak for tree in contender.main_trees for peak in tree.peaks_mib())
    return Sample(
        load=load,
        loader_cpu_s=loader_after - loader_before,
        server_cpu_s=_used(before, after),
        peaks_mib=peaks,
    )


def _used(before: dict[int, float] | None, after: dict[int, float] | None) -> float | None:
    """Return the CPU seconds between the two: all of it for what was started in between."""
    if before is None or after is None:
        return None
    return sum(seconds - before.get(root, 0.0) for root, seconds in after.items())


def _has_files_only(contender: Contender) -> bool:
    return isinstance(contender.site, FileSite)


def _shown(sample: Sample, work: Work) -> str:
    errors = f", {dict(sample.load.errors)}" if sample.load.errors else ""
    return f"{sample.figure(work.unit):,.1f} {work.unit}{errors}"


def _warmed_up(outcome: Outcome, contender: Contender, work: Work, bench: Bench) -> Trial | None:
    """Return the trial after a first time whose figures are not kept; None when it cannot be done."""
    try:
        _require_room(work, bench)
        trial = work.prepare(contender, bench)
    except LeftOut as exc:
        outcome.left_out = str(exc)
        return None
    except CannotRun as exc:
        outcome.problem = str(exc)
        return None
    return trial if not work.warms_up or _attempt(outcome, contender, trial) else None


def _attempt(outcome: Outcome, contender: Contender, trial: Trial) -> Sample | None:
    try:
        trial.before()
        sample = measure(contender, trial.act)
        trial.after()
    except CannotRun as exc:
        outcome.problem = str(exc)
        return None
    return sample


def _make_room(outcome: Outcome, contender: Contender) -> None:
    try:
        contender.make_room()
    except CannotRun as exc:
        outcome.problem = str(exc)


def _require_room(work: Work, bench: Bench) -> None:
    free = shutil.disk_usage(bench.folder).free
    if free < work.disk_bytes + _SPARE_BYTES:
        needed = (work.disk_bytes + _SPARE_BYTES) >> 30
        raise LeftOut(f"{bench.folder} has {free >> 30} GiB left, and this takes {needed}: --directory")
