import re
from dataclasses import fields

from aerostore.settings import PREFIX, Settings
from tests.house.page import read_page

PAGE = "docs/reference/settings.md"
FIELDS = {f"{PREFIX}{each.name.upper()}" for each in fields(Settings)}


def test_every_setting_is_documented() -> None:
    assert sorted(FIELDS - documented()) == []


def test_every_documented_setting_exists() -> None:
    assert sorted(documented() - FIELDS - {f"{PREFIX}CONFIG"}) == []


def documented() -> set[str]:
    return set(re.findall(rf"{PREFIX}[A-Z][A-Z0-9_]*\b", read_page(PAGE)))
