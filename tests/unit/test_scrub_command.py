"""What `aerostore scrub` makes of its options before it touches anything."""

import pytest
from typer.testing import CliRunner

from aerostore.cli.program import cli
from aerostore.cli.scrub import parse_rate

CANNOT_RUN = 2


@pytest.mark.parametrize(
    ("text", "bytes_per_s"),
    [
        (None, None),
        ("1", 1),
        ("500K", 500_000),
        ("50M", 50_000_000),
        ("50MB", 50_000_000),
        ("20Mi", 20 * 1024**2),
        ("20MiB", 20 * 1024**2),
        ("1G", 10**9),
        ("2TiB", 2 * 1024**4),
    ],
)
def test_a_rate_is_a_number_of_bytes_with_a_unit(text: str | None, bytes_per_s: int | None) -> None:
    assert parse_rate(text) == bytes_per_s


@pytest.mark.parametrize(
    "text", ["", "0", "0M", "-1", "1.5M", "50m", "5X", "M", "1 M", "99999999T", "\u0665M"]
)
def test_what_is_no_rate_is_refused_with_an_example(text: str) -> None:
    done = CliRunner().invoke(cli, ["scrub", "--rate", text])
    assert done.exit_code == CANNOT_RUN
    assert "--rate" in done.output
    assert "20MiB" in done.output


def test_status_reads_nothing_and_takes_no_order_to_read() -> None:
    done = CliRunner().invoke(cli, ["scrub", "--status", "--restart"])
    assert done.exit_code == CANNOT_RUN
    assert "--status" in done.output
