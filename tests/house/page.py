"""The repository as house tests read it: where it is, and the tables and code words of its pages."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_CELL_BORDER = re.compile(r"(?<!\\)\|")
_CODE = re.compile(r"`([^`\n]+)`")


def read_page(name: str) -> str:
    """Return the text of `name`, a path below the root of the repository; fail when there is none."""
    path = ROOT / name
    assert path.is_file(), f"{name} is missing"
    return path.read_text("utf-8")


def table_rows(text: str) -> list[list[str]]:
    """List the rows of every table in `text`, without heads and rules, as stripped cells."""
    lines = text.splitlines()
    is_rule = [bool(re.fullmatch(r"\|[\s:|-]+\|", line)) for line in lines]
    heads = {number - 1 for number, rule in enumerate(is_rule) if rule}
    return [
        [cell.strip() for cell in _CELL_BORDER.split(line)[1:-1]]
        for number, line in enumerate(lines)
        if line.startswith("|") and not is_rule[number] and number not in heads
    ]


def code_words(text: str) -> list[str]:
    """List what stands between backquotes in `text`."""
    return _CODE.findall(text)
