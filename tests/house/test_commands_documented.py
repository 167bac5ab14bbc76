import re

import typer

from aerostore.__main__ import cli
from tests.house.page import read_page

PAGE = "docs/reference/command-line.md"
COMMANDS = {each.name: each.params for each in typer.main.get_group(cli).commands.values()}


def test_every_command_is_documented() -> None:
    assert sorted(set(COMMANDS) - named_commands()) == []


def test_every_documented_command_exists() -> None:
    assert sorted(named_commands() - set(COMMANDS)) == []


def test_every_option_is_documented() -> None:
    options = {name for parameters in COMMANDS.values() for each in parameters for name in each.opts}
    assert sorted(options - set(re.findall(r"--[a-z][a-z-]*", read_page(PAGE)))) == []


def named_commands() -> set[str]:
    return set(re.findall(r"\baerostore ([a-z][a-z-]*)\b", "\n".join(code_lines())))


def code_lines() -> list[str]:
    """List the indented, fenced or backquoted code of the page: prose may say `aerostore` about itself."""
    text = read_page(PAGE)
    fenced = re.findall(r"^```.*?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    indented = re.findall(r"^ {4}.+$", text, re.MULTILINE)
    return [*fenced, *indented, *re.findall(r"`([^`\n]+)`", text)]
