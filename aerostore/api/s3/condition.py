"""Conditional headers of S3's writes: on the object that is written over, deleted or completed."""

from starlette.datastructures import Headers

from aerostore.errors import NotSupported
from aerostore.service.publish import WriteCondition

_BY_DATE = ("if-modified-since", "if-unmodified-since")


def write_condition(headers: Headers) -> WriteCondition:
    """Return what must hold for the name that is written: one condition at most, as S3 has it.

    Raises: NotSupported for what S3 does not have either.
    """
    if_match, if_none_match = if_match_of(headers), headers.get("if-none-match")
    if if_none_match is None:
        return WriteCondition(if_match=if_match)
    if if_none_match.strip() != "*" or if_match is not None:
        raise NotSupported(
            "A header you provided implies functionality that is not implemented: If-None-Match",
            hint="Writes take 'If-None-Match: *' alone, or 'If-Match' with one entity tag.",
        )
    return WriteCondition(absent=True)


def if_match_of(headers: Headers) -> str | None:
    """Return the entity tag that must be that of the object, unquoted, or `*`; None when any will do.

    Raises: NotSupported for several tags, and for dates.
    """
    for name in _BY_DATE:
        if name in headers:
            raise NotSupported(
                f"A header you provided implies functionality that is not implemented: {name}",
                hint="Writes take no dates: send If-Match with the entity tag.",
            )
    given = headers.getlist("if-match")
    if len(given) > 1 or any("," in each for each in given):
        raise NotSupported("If-Match with several entity tags is not implemented", hint="Send one.")
    return unquoted(given[0]) if given else None


def unquoted(etag: str) -> str:
    """Return an entity tag without quotes; clients forget them."""
    return etag.strip().removeprefix('"').removesuffix('"')
