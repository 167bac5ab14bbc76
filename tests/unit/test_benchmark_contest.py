import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.contest import CannotRun, __main__, fill, launch, nginx
from benchmarks.contest.compare import same_dependencies, to_verdict
from benchmarks.contest.contender import Contender
from benchmarks.contest.machine import file_system_of
from benchmarks.contest.plot import to_svg
from benchmarks.contest.report import Result, to_table
from benchmarks.contest.rounds import compete, rotated
from benchmarks.contest.sample import Load, Unit
from benchmarks.contest.session import CANNOT_RUN, numbers_of, parts_of
from benchmarks.contest.site import FileSite
from benchmarks.contest.work import Bench, Trial, Work
from benchmarks.contest.works import ALL, choose


def a_contender(name: str) -> Contender:
    return Contender(name=name, site=FileSite("http://127.0.0.1:21000"), facts={})


def a_work(prepare: Callable[[Contender, Bench], Trial]) -> Work:
    return Work(name="some-work", title="Some <work>", unit=Unit.RATE, prepare=prepare, for_files=True)


def contest(tmp_path: Path, act: Callable[[str], Load], *, rounds: int = 3) -> Result:
    """Let `first` and `second` compete; act: what each of them does, by its name."""
    work = a_work(lambda contender, _bench: Trial(act=lambda: act(contender.name)))
    contenders = [a_contender("first"), a_contender("second")]
    bench = Bench(folder=tmp_path, seconds=1)
    return Result(work, compete(work, contenders, bench, rounds=rounds, say=lambda _line: None))


def test_contenders_take_turns_after_a_warm_up_and_each_round_begins_with_another(tmp_path: Path) -> None:
    order: list[str] = []

    def act(name: str) -> Load:
        order.append(name)
        return Load(requests=len(order), seconds=1)

    result = contest(tmp_path, act, rounds=2)
    assert order == ["first", "second", "first", "second", "second", "first"]
    requests = {
        name: [each.load.requests for each in outcome.samples] for name, outcome in result.outcomes.items()
    }
    assert requests == {"first": [3, 6], "second": [4, 5]}


def test_names_rotate_and_none_is_no_trouble() -> None:
    assert [rotated(["a", "b", "c"], turn) for turn in range(3)] == [
        ["a", "b", "c"],
        ["b", "c", "a"],
        ["c", "a", "b"],
    ]
    assert rotated([], 1) == []


def test_one_that_fails_is_out_and_the_others_go_on(tmp_path: Path) -> None:
    def act(name: str) -> Load:
        if name == "second":
            raise CannotRun("no bucket")
        return Load(requests=1, seconds=1)

    result = contest(tmp_path, act)
    assert (len(result.outcomes["first"].samples), result.outcomes["second"].problem) == (3, "no bucket")
    assert not result.is_valid
    assert "INVALID: no bucket" in to_table(result)


def test_a_result_with_errors_shows_them_and_no_figure(tmp_path: Path) -> None:
    errors = {"status": 2}
    result = contest(
        tmp_path, lambda name: Load(requests=9, seconds=1, errors=errors if name == "second" else {})
    )
    table = to_table(result)
    assert "INVALID: 6 x status" in table
    assert table.count("INVALID") == 1
    assert to_verdict(result).speed is None


def test_the_picture_has_a_bar_for_each_figure_and_no_raw_markup(tmp_path: Path) -> None:
    result = contest(tmp_path, lambda _name: Load(requests=9, seconds=1))
    picture = to_svg([result], title="A & B", subtitle="here")
    assert picture.count('rx="2"') == 2
    assert "Some &lt;work&gt;" in picture and "A &amp; B" in picture


def test_the_short_form_leaves_out_what_takes_long() -> None:
    short = {work.name for work in choose([], full=False)}
    assert {"get-private", "post-new", "post-large-4", "list-v2-last-10000"} <= short
    assert not [name for name in short if "huge" in name or "1000000" in name]
    assert choose([], full=True) == list(ALL)


def test_works_are_chosen_by_pattern_whether_short_or_not() -> None:
    assert [work.name for work in choose(["get-huge-*"], full=False)] == ["get-huge-1", "get-huge-4"]


def test_an_unknown_work_is_refused_with_the_known_ones() -> None:
    with pytest.raises(CannotRun, match=r"No work is called gett\*.*get-private"):
        choose(["gett*"], full=False)


def test_names_of_works_are_unique() -> None:
    assert len({work.name for work in ALL}) == len(ALL)


def test_a_missing_tool_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name, path=None: None)
    with pytest.raises(CannotRun, match=r"wrk is missing\. Debian and Ubuntu: apt-get install wrk"):
        launch.find_tool("wrk")


def test_what_cannot_be_run_is_one_line_and_exit_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["contest", "--only", "nothing"])
    assert __main__.main() == CANNOT_RUN
    assert capsys.readouterr().err.startswith("benchmark: No work is called nothing.")


def test_the_disk_is_the_one_that_is_mounted_nearest() -> None:
    mounts = "/dev/vda / ext4 rw 0 0\n/dev/vdb /srv xfs rw,noatime 0 0\ntmpfs /srv/data/tmp tmpfs rw 0 0\n"
    assert file_system_of(Path("/srv/data"), mounts) == "xfs at /srv (rw,noatime)"


def test_a_large_work_is_refused_on_a_small_disk(tmp_path: Path) -> None:
    work = Work(
        name="large", title="Large", unit=Unit.RATE, prepare=_never, for_files=True, disk_bytes=1 << 62
    )
    bench = Bench(folder=tmp_path, seconds=1)
    outcome = compete(work, [a_contender("first")], bench, rounds=1, say=lambda _line: None)["first"]
    assert outcome.left_out is not None and "GiB left" in outcome.left_out
    result = Result(work, {"first": outcome})
    assert result.is_valid and "left out:" in to_table(result)


def _never(_contender: Contender, _bench: Bench) -> Trial:
    raise AssertionError("not to be prepared")


def test_plain_files_are_left_out_where_they_cannot_do_the_work(tmp_path: Path) -> None:
    work = Work(name="sign", title="Sign", unit=Unit.RATE, prepare=_never)
    bench = Bench(folder=tmp_path, seconds=1)
    assert compete(work, [a_contender("nginx")], bench, rounds=1, say=lambda _line: None) == {}


def test_a_file_of_a_bench_has_its_size_and_other_bytes_than_the_next(tmp_path: Path) -> None:
    bench = Bench(folder=tmp_path, seconds=1)
    first, second = (bench.file((8 << 20) + 5, number) for number in range(2))
    assert first.stat().st_size == second.stat().st_size == (8 << 20) + 5
    assert first.read_bytes() != second.read_bytes()


def test_nginx_listens_here_only_and_writes_bodies_beside_files(tmp_path: Path) -> None:
    text = nginx.to_configuration(tmp_path, 21000, 2)
    assert "listen 127.0.0.1:21000;" in text and "worker_processes 2;" in text
    assert f"client_body_temp_path {tmp_path}/client_body;" in text


@pytest.mark.parametrize("count", [10, 1000, 10_000])
def test_a_bucket_is_filled_with_as_many_names_as_asked(count: int) -> None:
    names = fill.listed_names(count)
    assert len(set(names)) == count
    assert sum(name.startswith("flat/") for name in names) == count * 9 // 10
    assert names[: count * 9 // 10] == sorted(names[: count * 9 // 10])


def test_one_environment_serves_trees_that_ask_for_the_same(tmp_path: Path) -> None:
    for name, dependencies in {"a": '["x>1", "y"]', "b": '["y", "x>1"]', "c": '["y"]'}.items():
        (tmp_path / name).mkdir()
        text = f'[project]\nrequires-python = ">=3.11"\ndependencies = {dependencies}\n'
        (tmp_path / name / "pyproject.toml").write_text(text)
    assert same_dependencies(tmp_path / "a", tmp_path / "b")
    assert not same_dependencies(tmp_path / "a", tmp_path / "c")


def test_lists_on_the_command_line_may_have_spaces_and_a_comma_at_the_end() -> None:
    assert parts_of("get-*, sign,") == ["get-*", "sign"]
    assert numbers_of("1, 2") == [1, 2]


@pytest.mark.parametrize("text", ["0", "1,-2", "two"])
def test_numbers_on_the_command_line_are_above_zero(text: str) -> None:
    with pytest.raises(ValueError, match=text.rpartition(",")[2]):
        numbers_of(text)
