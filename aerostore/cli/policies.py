"""`aerostore policies`: check and test policy files, and bring them to a PostgreSQL database."""

import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from aerostore.cli import NO, AsJson
from aerostore.cli.case_file import WrittenCase, read_case_file
from aerostore.cli.policy_files import find_case_files, policies_folder, read_sources
from aerostore.cli.policy_report import Checked, change_lines, counted, failure_lines
from aerostore.cli.written_case import to_case
from aerostore.executor.policy_catalogue import list_policies
from aerostore.executor.policy_sync import connected, plan_policies, sync_policies
from aerostore.policy import PolicyLoadError, PolicySet, Source, load
from aerostore.policy.case import InvalidCase, decide
from aerostore.policy.change import Changes, Installed
from aerostore.policy.script import read_script
from aerostore.settings import InvalidSettings, Settings

READ_AT_START = (
    "Rows are kept in SQLite: the server reads the policy files when it starts, so nothing differs from them."
)

Paths = Annotated[
    list[Path] | None,
    typer.Argument(
        exists=True,
        show_default="AEROSTORE_POLICIES_DIR",
        help="Files, and folders with files directly in them.",
    ),
]
Adopt = Annotated[bool, typer.Option("--adopt", help="Take over policies of the same name that others made.")]

policies = typer.Typer(no_args_is_help=True, help="Check, test and apply policies.")


@policies.command()
def check(paths: Paths = None, as_json: AsJson = False) -> None:
    """Read policies as a server on SQLite does; exit with 1 when it would refuse them."""
    checked = _check(read_sources(_named(paths)))
    if as_json:
        print(json.dumps(checked.as_json(), indent=2))
    else:
        print(*checked.lines(), sep="\n")
    raise typer.Exit(NO if checked.problems else 0)


@policies.command()
def test(paths: Paths = None) -> None:
    """Run the cases of *.test.yaml without a database; exit with 1 when one comes out differently."""
    files = find_case_files(_named(paths))
    with _refusals_told():
        tried = [_try_case(policy_set, written) for policy_set, written in _cases(files)]
    failures = [lines for lines in tried if lines]
    for lines in failures:
        print(*lines, sep="\n")
    outcome = f"{len(failures):,} came out differently" if failures else "all as expected"
    print(f"{counted(len(tried), 'case')} in {counted(len(files), 'file')}: {outcome}")
    raise typer.Exit(NO if failures else 0)


@policies.command()
def diff(paths: Paths = None, adopt: Adopt = False) -> None:
    """Show what `apply` would change in PostgreSQL; exit with 1 when there is something."""
    database_url = Settings.from_env().database_url
    if not database_url:
        print(READ_AT_START)
        return
    with _refusals_told():
        changes = asyncio.run(_plan(database_url, read_sources(_named(paths)), adopt=adopt))
    _print_changes(changes)
    raise typer.Exit(NO if changes.changes or changes.conflicts else 0)


@policies.command()
def apply(
    paths: Paths = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Have PostgreSQL judge everything, then undo it.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    adopt: Adopt = False,
) -> None:
    """Make PostgreSQL have the policies of the files: all of them, or none."""
    database_url = Settings.from_env().database_url
    if not database_url:
        print(READ_AT_START)
        return
    sources = read_sources(_named(paths))
    with _refusals_told():
        if not (dry_run or yes):
            _ask(asyncio.run(_plan(database_url, sources, adopt=adopt)))
        changes = asyncio.run(sync_policies(database_url, sources, adopt=adopt, keep=not dry_run))
    if dry_run or yes:
        _print_changes(changes)
    print(f"{counted(len(changes.changes), 'change')} {'tried and undone' if dry_run else 'applied'}")


@policies.command()
def export() -> None:
    """Print the policies that a PostgreSQL database has, as files define them."""
    database_url = Settings.from_env().database_url
    if not database_url:
        raise InvalidSettings(READ_AT_START)
    print("\n\n".join(f"{policy.text};" for policy in asyncio.run(_installed(database_url))))


def _named(paths: list[Path] | None) -> list[Path]:
    return paths or [policies_folder(Settings.from_env())]


def _check(sources: Sequence[Source]) -> Checked:
    script = read_script(sources)
    try:
        warnings = load(sources).warnings
    except PolicyLoadError as exc:
        places = {source.path: number for number, source in enumerate(sources)}
        problems = sorted(exc.problems, key=lambda problem: (places[problem.source.path], problem.at))
        return Checked(files=len(sources), script=script, problems=problems)
    return Checked(files=len(sources), script=script, warnings=warnings)


def _cases(files: Sequence[Path]) -> Iterator[tuple[PolicySet, WrittenCase]]:
    for path in files:
        file = read_case_file(path)
        policy_set = load(read_sources(file.policies))
        for written in file.cases:
            yield policy_set, written


def _try_case(policy_set: PolicySet, written: WrittenCase) -> list[str]:
    """Return what to print about a case, nothing when it comes out as expected."""
    case = to_case(written, policy_set.tables, now=datetime.now(UTC))
    try:
        outcome = decide(policy_set, case)
    except InvalidCase as exc:
        raise written.invalid(str(exc), "tables") from exc
    return [] if outcome.is_permitted == case.is_permitted else list(failure_lines(written, case, outcome))


async def _plan(database_url: str, sources: Sequence[Source], *, adopt: bool) -> Changes:
    async with connected(database_url) as connection:
        return await plan_policies(connection, sources, adopt=adopt)


async def _installed(database_url: str) -> tuple[Installed, ...]:
    async with connected(database_url) as connection:
        return await list_policies(connection)


def _ask(changes: Changes) -> None:
    """Show what is about to happen; leave unless somebody agrees to it."""
    _print_changes(changes)
    if changes.conflicts:
        raise typer.Exit(NO)
    if not changes.changes:
        return
    if not sys.stdin.isatty():
        raise InvalidSettings("nobody can be asked here: use --yes, or --dry-run to only try")
    typer.confirm("Apply this?", abort=True)


def _print_changes(changes: Changes) -> None:
    for line in change_lines(changes):
        print(line)


@contextmanager
def _refusals_told() -> Iterator[None]:
    """Print what is wrong with policies or cases, place by place, and leave."""
    try:
        yield
    except PolicyLoadError as exc:
        print(*exc.problems, sep="\n")
        raise typer.Exit(NO) from exc
    except InvalidCase as exc:
        raise InvalidSettings(str(exc)) from exc
