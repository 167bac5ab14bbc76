"""Groups of commands, and what every command shares: exit codes, consoles, the flag for JSON."""

from typing import Annotated

import typer
from rich.console import Console

NO, CANNOT_RUN, BYTES_MISSING = 1, 2, 3
"""Exit codes: the command ran and says no; it could not run; stored bytes are missing."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

console = Console(highlight=False)
errors = Console(highlight=False, stderr=True)
