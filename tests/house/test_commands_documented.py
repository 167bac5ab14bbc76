import re

import typer

from aerostore.cli.program import cli
from tests.house.page import code_words, read_page

PAGE = "docs/reference/command-line.md"
PROGRAM = typer.main.get_group(cli)
COMMANDS = set(PROGRAM.commands)


def test_every_command_is_documented() -> None:
    shown = set(re.findall(r"\baerostore ([a-z][a-z-]*)", read_page(PAGE)))
    assert sorted(COMMANDS - shown) == []


def test_every_command_that_the_page_quotes_exists() -> None:
    quoted = [re.match(r"aerostore ([a-z][a-z-]*)", word) for word in code_words(read_page(PAGE))]
    assert sorted({found[1] for found in quoted if found} - COMMANDS) == []


def test_every_option_is_documented() -> None:
    parameters = [each for command in [PROGRAM, *PROGRAM.commands.values()] for each in command.params]
    options = {name for each in parameters for name in each.opts if name.startswith("--")}
    shown = set(re.findall(r"--[a-z][a-z-]*", read_page(PAGE)))
    assert sorted(options - shown) == []
