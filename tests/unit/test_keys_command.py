"""What `aerostore keys` refuses before it looks at any database."""

import pytest
from typer.testing import CliRunner

from aerostore.cli.program import cli

CANNOT_RUN = 2


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["create", "--role", "admin"], "none of anon, authenticated, service_role"),
        (["create", "--claim", "team=a"], "not JSON"),
        (["create", "--claim", "team"], "NAME=JSON"),
        (["create", "--claim", "role=1"], "cannot be set this way"),
        (["create", "--claim", "sub=1"], "cannot be set this way"),
        (["create", "--expires-in", "0"], "expires-in"),
        (["create", "--expires-in", "99999999999"], "expires-in"),
        (["create", "--description", "x" * 201], "at most 200"),
        (["create", "--description", "a\nb"], "printable"),
        (["create", "--sub", "a\nb"], "printable"),
        (["revoke"], "Missing argument"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(arguments: list[str], reason: str) -> None:
    # As wide as needed: the message is shown in a box, which breaks its lines.
    done = CliRunner().invoke(cli, ["keys", *arguments], env={"COLUMNS": "300"})
    assert done.exit_code == CANNOT_RUN
    assert reason in done.output
