"""The X-Robots-Tag header that uploads may carry and downloads replay."""

import re
from contextlib import suppress
from datetime import datetime
from email.utils import parsedate_to_datetime

from aerostore.errors import InvalidRobotsTag

_PLAIN = {
    "all",
    "noindex",
    "nofollow",
    "none",
    "nosnippet",
    "indexifembedded",
    "notranslate",
    "noimageindex",
}
_LIMITS = {"max-snippet", "max-video-preview"}
_NUMBER = re.compile(r"-1|\d{1,9}", re.ASCII)
_AGENT = re.compile(r"[A-Za-z0-9_.*-]{1,64}", re.ASCII)


def check_robots_tag(value: str) -> str:
    """Return `value` if every directive in it is known. Raises: InvalidRobotsTag naming the one that is not.

    Source: the directives that search engines document for X-Robots-Tag.
    """
    for part in value.split(","):
        if not _is_directive(_without_agent(part.strip())):
            raise InvalidRobotsTag(f"Invalid X-Robots-Tag header: {part.strip()[:100]!r} is not a directive")
    return value


def _without_agent(directive: str) -> str:
    agent, colon, rest = directive.partition(":")
    known = agent.strip().lower() in _LIMITS | {"max-image-preview", "unavailable_after"}
    return rest.strip() if colon and not known and _AGENT.fullmatch(agent.strip()) else directive


def _is_directive(text: str) -> bool:
    name, _colon, argument = text.partition(":")
    name, argument = name.strip().lower(), argument.strip()
    if name in _LIMITS:
        return _NUMBER.fullmatch(argument) is not None
    if name == "max-image-preview":
        return argument in {"none", "standard", "large"}
    if name == "unavailable_after":
        return _is_date(argument)
    return name in _PLAIN and not argument


def _is_date(text: str) -> bool:
    """Tell whether `text` is a date in the form of RFC 822 or ISO 8601."""
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        with suppress(ValueError, OverflowError):
            parse(text)
            return True
    return False
