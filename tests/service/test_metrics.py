"""Plots: what several processes have counted makes one plot, at the time at which it happened."""

import pytest

from aerostore.domain import RlsContext, parse_iso
from aerostore.errors import InvalidParameter, RoleNotAllowed, Unavailable
from aerostore.executor import Executor, Statement
from aerostore.executor.statements import sample
from aerostore.service.metrics import Metrics, Plots
from aerostore.service.sample import TICK_S, Samples
from aerostore.telemetry import STREAM, Telemetry
from tests.service.conftest import IN_POSTGRES, Kind
from tests.service.meddling import FailingExecutor
from tests.service.stage import ANON, OWNER, SERVICE, Stage

pytestmark = pytest.mark.parametrize(
    "make_stage", [Kind("sqlite", "memory"), *IN_POSTGRES], ids=str, indirect=True
)
NOON = parse_iso("2026-01-31T12:00:00.000Z")
NOON_S = int(NOON.timestamp())


class Process:
    """What one of several processes measures of itself."""

    def __init__(self, stage: Stage, executor: Executor | None = None) -> None:
        self._stage = stage
        self.telemetry = Telemetry()
        self.uploads = 0
        self._samples = Samples(
            executor or stage.executor,
            self.telemetry,
            uploads_under_way=lambda: self.uploads,
            clock=stage.clock,
        )

    def ask(self, count: int, *, status: int = 200, seconds: float = 0.003, operation: str = "op") -> None:
        for _ in range(count):
            self.telemetry.request_ended("GET", operation, status, seconds)

    def write(self) -> None:
        self._stage.run(self._samples.write())


def plots(stage: Stage, range: str = "15m") -> Plots:
    return stage.run(Metrics(stage.executor, clock=stage.clock).plots(SERVICE, range))


def at_noon(stage: Stage) -> None:
    """Let the clock be at noon, a moment after the end of a step."""
    stage.clock.now = NOON
    stage.clock.advance(0.05)


def read_a_moment_later(stage: Stage, range: str = "15m") -> Plots:
    stage.clock.advance(5)
    return plots(stage, range)


def test_two_processes_make_one_plot(stage: Stage) -> None:
    at_noon(stage)
    one, other = Process(stage), Process(stage)
    one.ask(30)
    other.ask(15)
    other.ask(3, status=404)
    for process in (one, other):
        process.write()
    shown = read_a_moment_later(stage)
    assert (shown.step_s, shown.times[-1], len(shown.times)) == (TICK_S, NOON_S, 60)
    assert shown.requests["2xx"][-1] == pytest.approx(3.0)
    assert shown.requests["4xx"][-1] == pytest.approx(0.2)
    assert shown.errors[-1] == 0.0


def test_what_was_counted_before_is_not_counted_again(stage: Stage) -> None:
    at_noon(stage)
    process = Process(stage)
    process.ask(15)
    process.write()
    stage.clock.advance(TICK_S)
    process.ask(30, status=500)
    process.write()
    shown = read_a_moment_later(stage)
    assert shown.requests["2xx"][-2:] == [1.0, 0.0]
    assert shown.errors[-2:] == [0.0, 2.0]


def test_a_time_in_which_no_process_ran_is_no_zero(stage: Stage) -> None:
    at_noon(stage)
    Process(stage).write()
    shown = read_a_moment_later(stage)
    assert shown.requests["2xx"][-2:] == [None, 0.0]
    assert shown.latency_ms["p50"][-2:] == [None, None]
    assert shown.uploads[-2:] == [None, 0.0]


@pytest.mark.parametrize(
    ("range", "step_s", "steps"), [("1h", 15, 240), ("24h", 300, 288), ("7d", 3600, 168)]
)
def test_longer_ranges_have_longer_steps_of_the_same_counts(
    stage: Stage, range: str, step_s: int, steps: int
) -> None:
    at_noon(stage)
    process = Process(stage)
    for _ in (1, 2):
        process.ask(60)
        process.write()
        stage.clock.advance(TICK_S)
    shown = plots(stage, range)
    assert (shown.step_s, len(shown.times)) == (step_s, steps)
    rates = zip(shown.times, shown.requests["2xx"], strict=True)
    assert sum((rate or 0.0) * _lasted(end, step_s) for end, rate in rates) == pytest.approx(120)


def _lasted(end: int, step_s: int) -> int:
    """The step under way has lasted since its beginning only."""
    return end % step_s or step_s


def test_bytes_and_uploads_are_those_of_the_process(stage: Stage) -> None:
    at_noon(stage)
    process = Process(stage)
    process.telemetry.upload_bytes.labels("photos").inc(1500)
    process.telemetry.upload_bytes.labels("others").inc(1500)
    process.telemetry.download_bytes.labels("photos").inc(300)
    process.uploads = 4
    process.write()
    shown = read_a_moment_later(stage)
    assert (shown.bytes_in[-1], shown.bytes_out[-1], shown.uploads[-1]) == (200.0, 20.0, 4.0)


def test_open_streams_do_not_make_the_server_look_slow(stage: Stage) -> None:
    at_noon(stage)
    process = Process(stage)
    process.ask(10, seconds=0.004)
    process.ask(90, seconds=3600, operation=STREAM)
    process.write()
    slowest = read_a_moment_later(stage).latency_ms["p99"][-1]
    assert slowest is not None
    assert slowest <= 5


def test_a_write_that_failed_is_made_up_for(stage: Stage) -> None:
    at_noon(stage)
    process = Process(stage, FailingExecutor(stage.executor, Unavailable(), at="storage_samples"))
    process.ask(15)
    with pytest.raises(Unavailable):
        process.write()
    process.write()
    assert read_a_moment_later(stage).requests["2xx"][-1] == 1.0


def test_old_steps_are_forgotten_by_their_length(stage: Stage) -> None:
    at_noon(stage)
    process = Process(stage)
    process.write()
    stage.clock.advance(27 * 3600)
    process.write()
    left = stage.rows("SELECT DISTINCT step_s, begins_s FROM storage_samples ORDER BY step_s, begins_s")
    assert [row["step_s"] for row in left] == [15, 300, 3600, 3600]


def test_buckets_are_shown_with_what_they_hold_largest_first(stage: Stage) -> None:
    stage.make_bucket("large")
    stage.put("a", b"12")
    stage.put("b", b"345")
    stage.put("a", b"1234567", bucket_id="large")
    found = [(each.bucket_id, each.objects, each.size_bytes, each.complete) for each in plots(stage).storage]
    assert found == [("large", 1, 7, True), ("photos", 2, 5, True)]


def test_sums_are_kept_for_a_while(stage: Stage) -> None:
    now = 0.0
    metrics = Metrics(stage.executor, clock=stage.clock, monotonic=lambda: now)
    assert stage.run(metrics.plots(SERVICE, "15m")).storage == []
    stage.put("a")
    assert stage.run(metrics.plots(SERVICE, "15m")).storage == []
    now = 61.0
    assert len(stage.run(metrics.plots(SERVICE, "15m")).storage) == 1


def test_plots_are_there_although_the_buckets_cannot_be_summed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_noon(stage)
    Process(stage).write()
    monkeypatch.setattr(sample, "sum_buckets", lambda _limit: Statement(sql="SELECT nothing"))
    shown = read_a_moment_later(stage)
    assert shown.requests["2xx"][-1] == 0.0
    assert shown.storage == ()


@pytest.mark.parametrize("by", [ANON, OWNER], ids=["anon", "user"])
def test_metrics_are_for_the_service_role(stage: Stage, by: RlsContext) -> None:
    with pytest.raises(RoleNotAllowed):
        stage.run(Metrics(stage.executor, clock=stage.clock).plots(by, "1h"))


def test_an_unknown_range_is_refused(stage: Stage) -> None:
    with pytest.raises(InvalidParameter):
        plots(stage, "2h")
