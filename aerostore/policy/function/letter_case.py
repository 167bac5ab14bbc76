"""Upper and lower case one character at a time, as PostgreSQL does it.

Texts of the default collation are changed as the C library does in C.UTF-8, those of COLLATE "C" in ASCII.

Databases of the ICU provider differ: `upper` makes several letters of 102 characters (ß becomes SS), `lower`
makes two of U+0130, and a sigma at the end of a word has a form of its own.
"""

from string import ascii_lowercase, ascii_uppercase

_GREEK_WITH_IOTA = {
    character: character + 8 for first in (0x1F80, 0x1F90, 0x1FA0) for character in range(first, first + 8)
} | {0x1FB3: 0x1FBC, 0x1FC3: 0x1FCC, 0x1FF3: 0x1FFC}
"""Characters whose upper case Python writes as two letters, Unicode's simple mapping as one."""


def lower(text: str) -> str:
    """Return `text` in lower case."""
    return text.lower() if text.isascii() else "".join(map(_lower_character, text))


def upper(text: str) -> str:
    """Return `text` in upper case."""
    return text.upper() if text.isascii() else "".join(map(_upper_character, text))


def lower_ascii(text: str) -> str:
    """Return `text` with its ASCII letters in lower case, the others as they are."""
    return text.translate(_LOWER_ASCII)


def upper_ascii(text: str) -> str:
    """Return `text` with its ASCII letters in upper case, the others as they are."""
    return text.translate(_UPPER_ASCII)


_LOWER_ASCII = str.maketrans(ascii_uppercase, ascii_lowercase)
_UPPER_ASCII = str.maketrans(ascii_lowercase, ascii_uppercase)


def _lower_character(character: str) -> str:
    return character.lower()[0]  # U+0130 has two in Python; the first is PostgreSQL's


def _upper_character(character: str) -> str:
    raised = character.upper()
    if len(raised) == 1:
        return raised
    return chr(_GREEK_WITH_IOTA.get(ord(character), ord(character)))
