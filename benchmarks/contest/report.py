"""Results as a table for the terminal, and as a file with everything that was measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from benchmarks.contest.contender import Contender
from benchmarks.contest.figure import Figure, count_errors, to_figure, to_ratio
from benchmarks.contest.rounds import Outcome, Outcomes
from benchmarks.contest.sample import Unit
from benchmarks.contest.work import Work

_COLUMNS = f"  {'':26} {'median':>10}  {'least - greatest':>20}  {'ratio':>6}  {'p50 ms':>8}  {'p99 ms':>8}"
_COLUMNS += f"  {'CPU':>12}  {'loader':>8}  {'peak MiB':>8}"


@dataclass(frozen=True, slots=True)
class Result:
    """One work, and what each contender did at it."""

    work: Work
    outcomes: Outcomes

    @property
    def is_valid(self) -> bool:
        """Tell whether everybody who was not left out did all of it without an error."""
        return all(
            each.left_out or (each.problem is None and to_figure(each.samples, self.work.unit))
            for each in self.outcomes.values()
        )


def to_table(result: Result) -> str:
    """Return the lines of one work. Ratios are to the first contender of the list, within each round."""
    unit, outcomes = result.work.unit, result.outcomes
    reference = next(iter(outcomes.values())).samples
    lines = [f"{result.work.title} [{unit}] ({result.work.name})", _COLUMNS]
    for name, outcome in outcomes.items():
        figure, ratio = to_figure(outcome.samples, unit), to_ratio(outcome.samples, reference, unit)
        if outcome.left_out:
            lines.append(f"  {name:26} left out: {outcome.left_out}")
        elif figure is None or outcome.problem:
            lines.append(f"  {name:26} INVALID: {_problem(outcome)}")
        else:
            lines.append(_line(name, figure, f"{ratio.middle:6.2f}" if ratio else "     -", unit))
    return "\n".join(lines)


def _problem(outcome: Outcome) -> str:
    errors = count_errors(outcome.samples)
    return outcome.problem or ", ".join(f"{count} x {kind}" for kind, count in errors.items()) or "no answer"


def _line(name: str, figure: Figure, ratio: str, unit: Unit) -> str:
    spread = f"{figure.least:,.1f} - {figure.greatest:,.1f}"
    peak = "-" if figure.peak_mib is None else f"{figure.peak_mib:.0f}"
    latencies = f"{figure.p50_ms:8.2f}  {figure.p99_ms:8.2f}"
    cpu = cpu_text(figure.server_cpu, unit)
    return (
        f"  {name:26} {figure.middle:10,.1f}  {spread:>20}  {ratio}  {latencies}"
        f"  {cpu:>12}  {figure.loader_cpu_s:6.2f} s  {peak:>8}"
    )


def cpu_text(seconds: float | None, unit: Unit) -> str:
    """Return CPU time of the server: microseconds for a request, or seconds for a GB."""
    if seconds is None or unit is Unit.MEMORY:
        return "-"
    return f"{seconds:.2f} s/GB" if unit is Unit.THROUGHPUT else f"{seconds * 1e6:,.0f} us"


def write_json(
    path: Path,
    results: Sequence[Result],
    contenders: Sequence[Contender],
    *,
    machine: Mapping[str, object],
    options: Mapping[str, object],
) -> None:
    """Write everything that was measured, sample by sample."""
    document = {
        "machine": dict(machine),
        "options": dict(options),
        "contenders": {each.name: each.facts for each in contenders},
        "works": [_work_json(result) for result in results],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2, default=str))


def _work_json(result: Result) -> dict[str, object]:
    work = result.work
    return {
        "name": work.name,
        "title": work.title,
        "unit": work.unit,
        "is_valid": result.is_valid,
        "figures": {
            name: None if outcome.problem else to_figure(outcome.samples, work.unit)
            for name, outcome in result.outcomes.items()
        },
        "outcomes": result.outcomes,
    }
