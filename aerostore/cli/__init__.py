"""Groups of commands, and what every command shares: exit codes, consoles, the flag for JSON."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

NO, CANNOT_RUN, BYTES_MISSING = 1, 2, 3
"""Exit codes: the command ran and says no; it could not run; stored bytes are missing or damaged."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

console = Console(highlight=False)
errors = Console(highlight=False, stderr=True)

_SHOWN_KEYS = 10


def tell(message: str) -> None:
    """Print a line on standard error, as every warning and error of the program looks."""
    errors.print(Text.assemble(("aerostore: ", "red"), message), soft_wrap=True)


def tell_keys(message: str, keys: Sequence[str], count: int) -> None:
    """Print which of `count` keys a message is about: the first few of `keys`."""
    if not count:
        return
    tell(message)
    for key in keys[:_SHOWN_KEYS]:
        errors.print(Text(f"  {key}"), soft_wrap=True)
    if count > _SHOWN_KEYS:
        errors.print(f"  and {count - _SHOWN_KEYS:,} more: see --json")
