"""What policies say about an object's name: its segments, its patterns, and ranges of names."""

import re
from dataclasses import dataclass

from aerostore.policy.expression import Apply, Constant, Expression
from aerostore.policy.tree import target_column

_LAST_CHARACTER = 0x10FFFF
_BEFORE_SURROGATES = 0xD7FF
_AFTER_SURROGATES = 0xE000
_LIKE_TOKEN = re.compile(r"\\(?P<escaped>.)|(?P<wildcard>[%_])|(?P<plain>[^%_\\]+)", re.DOTALL)
_GLOB_SPECIAL = re.compile(r"[*?\[]")
_REGEX_SPECIAL = frozenset(".[]()*+?{}|^$\\")
_REGEX_QUANTIFIERS = frozenset("*+?{")
_BRACKETS = re.compile(r"\[\^?\]?[^\]]*\]")
_BRACKET_CLASS = re.compile(r"\[[:.=]")


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment of the name. level: from one. is_folder: a slash follows it.

    reads_missing: it is the empty text, not NULL, when the name has no such segment.
    """

    level: int
    is_folder: bool
    reads_missing: bool


def segment_of(expression: Expression) -> Segment | None:
    """Return which segment of the judged row's name `expression` is; None when it is something else."""
    if type(expression) is not Apply:
        return None
    if expression.function.name == "array_subscript":
        tokens, index = expression.arguments
        level = _positive(index)
        is_folder = _is_folder_list(tokens)
        return Segment(level, is_folder, False) if level and (is_folder or _is_token_list(tokens)) else None
    if expression.function.name == "split_part" and _splits_name(expression):
        level = _positive(expression.arguments[2])
        return Segment(level, is_folder=False, reads_missing=True) if level else None
    return None


def is_name(expression: Expression) -> bool:
    """Return whether `expression` is the judged row's name."""
    return target_column(expression) == "name"


def text_constant(expression: Expression) -> str | None:
    """Return the text that `expression` is; None when it is something else, or NULL."""
    if type(expression) is Constant and isinstance(expression.value, str):
        return expression.value
    return None


def upper_bound(prefix: str) -> str | None:
    """Return the least text above everything that begins with `prefix`, in order of code points.

    None: there is none. Surrogates are no characters, so U+E000 follows U+D7FF.
    """
    for length in range(len(prefix), 0, -1):
        code = ord(prefix[length - 1])
        if code < _LAST_CHARACTER:
            following = _AFTER_SURROGATES if code == _BEFORE_SURROGATES else code + 1
            return prefix[: length - 1] + chr(following)
    return None


def like_prefix(pattern: str) -> str:
    """Return what every text begins with that is LIKE `pattern`."""
    prefix = ""
    for token in _LIKE_TOKEN.finditer(pattern):
        if token["wildcard"]:
            break
        prefix += token["escaped"] or token["plain"]
    return prefix


def like_to_glob(pattern: str) -> str:
    """Return the GLOB pattern that matches what LIKE `pattern` matches; no backslash ends `pattern`."""
    wildcards = {"%": "*", "_": "?"}
    return "".join(
        wildcards[token["wildcard"]]
        if token["wildcard"]
        else _glob_literal(token["escaped"] or token["plain"])
        for token in _LIKE_TOKEN.finditer(pattern)
    )


def regex_prefix(pattern: str) -> str:
    """Return what every text begins with that matches the regular expression; empty when unsure."""
    if not pattern.startswith("^"):
        return ""
    body = pattern.removeprefix("^")
    whole = re.fullmatch(r"\(\?:(.*)\)\$", body, re.DOTALL)  # SIMILAR TO becomes this
    body = whole[1] if whole and not _has_branches(whole[1]) else body
    return "" if _has_branches(body) else _regex_literal(body)


def _positive(expression: Expression) -> int:
    value = expression.value if type(expression) is Constant else None
    return value if isinstance(value, int) and value > 0 else 0


def _is_folder_list(expression: Expression) -> bool:
    return (
        type(expression) is Apply
        and expression.function.name == "storage.foldername"
        and is_name(expression.arguments[0])
    )


def _is_token_list(expression: Expression) -> bool:
    if target_column(expression) == "path_tokens":
        return True
    return (
        type(expression) is Apply
        and expression.function.name == "string_to_array"
        and len(expression.arguments) == 2
        and _splits_name(expression)
    )


def _splits_name(call: Apply) -> bool:
    return is_name(call.arguments[0]) and text_constant(call.arguments[1]) == "/"


def _glob_literal(text: str) -> str:
    return _GLOB_SPECIAL.sub(lambda special: f"[{special[0]}]", text)


def _regex_literal(pattern: str) -> str:
    """Return the plain characters that `pattern` begins with, up to the first that is repeated or special."""
    literal = ""
    position = 0
    while position < len(pattern):
        escaped = pattern[position] == "\\"
        character = pattern[position + escaped : position + escaped + 1]
        following = pattern[position + escaped + 1 : position + escaped + 2]
        special = character.isalnum() if escaped else character in _REGEX_SPECIAL
        if special or not character or following in _REGEX_QUANTIFIERS:
            break
        literal += character
        position += escaped + 1
    return literal


def _has_branches(pattern: str) -> bool:
    """Return whether a `|` might stand outside parentheses."""
    plain = re.sub(r"\\.", "", pattern, flags=re.DOTALL)
    if _BRACKET_CLASS.search(plain):
        return True
    plain = _BRACKETS.sub("", plain)
    while (inner := re.sub(r"\([^()]*\)", "", plain)) != plain:
        plain = inner
    return "|" in plain or "(" in plain
