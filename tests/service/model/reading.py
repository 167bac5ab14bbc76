"""What a read must answer to conditions and ranges, after RFC 9110."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime

from hypothesis import strategies as st

from tests.contract.client import etag_of
from tests.service.model.reference import Stored

OTHER_TAG = '"0123"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Validator:
    """What a client knows of its copy. is_tag: an entity tag or a date; age_s: how the date is off."""

    is_tag: bool = True
    matches: bool = True
    age_s: int = 0
    form: str = "{}"

    def date(self, stored: Stored) -> datetime:
        return stored.updated_at.replace(microsecond=0) + timedelta(seconds=self.age_s)

    def text(self, stored: Stored) -> str:
        if not self.is_tag:
            return format_datetime(self.date(stored), usegmt=True)
        return self.form.format(etag_of(stored.content.body) if self.matches else OTHER_TAG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The headers of a read. span: what is asked for of `size` bytes, as text with their places filled in."""

    if_match: Validator | None = None
    if_unmodified_since: Validator | None = None
    if_none_match: Validator | None = None
    if_modified_since: Validator | None = None
    if_range: Validator | None = None
    span: "Span | None" = None

    def headers(self, stored: Stored) -> dict[str, str]:
        given = {
            "if-match": self.if_match,
            "if-unmodified-since": self.if_unmodified_since,
            "if-none-match": self.if_none_match,
            "if-modified-since": self.if_modified_since,
            "if-range": self.if_range,
        }
        headers = {name: validator.text(stored) for name, validator in given.items() if validator}
        if self.span:
            headers["range"] = self.span.header
        return headers


@dataclass(frozen=True, slots=True)
class Span:
    """A Range header and the slice it means of a body."""

    first: int | None
    last: int | None

    @property
    def header(self) -> str:
        first, last = ("" if each is None else each for each in (self.first, self.last))
        return f"bytes={first}-{last}"

    def of(self, body: bytes) -> bytes:
        if self.first is None:
            return body[-self.last :] if self.last else b""
        return body[self.first :] if self.last is None else body[self.first : self.last + 1]


def status_of(request: Request, stored: Stored) -> int:
    """Return the status of a GET: 200, 206, 304, 412 or 416. Source: RFC 9110 section 13.2.2."""
    modified_at = stored.updated_at.replace(microsecond=0)
    if request.if_match:
        if not request.if_match.matches:
            return 412
    elif request.if_unmodified_since and modified_at > request.if_unmodified_since.date(stored):
        return 412
    if request.if_none_match:
        if request.if_none_match.matches:
            return 304
    elif request.if_modified_since and modified_at <= request.if_modified_since.date(stored):
        return 304
    if request.span is None or not _range_counts(request, stored):
        return 200
    return 206 if request.span.of(stored.content.body) else 416


def _range_counts(request: Request, stored: Stored) -> bool:
    validator = request.if_range
    if validator is None:
        return True
    if validator.is_tag:
        return validator.matches and not validator.form.startswith("W/")
    return validator.age_s == 0


_FORMS = ["{}", "W/{}", '"4567", {}']
_tags = st.builds(Validator, matches=st.booleans(), form=st.sampled_from(_FORMS))
_dates = st.builds(Validator, is_tag=st.just(False), age_s=st.sampled_from([-1, 0, 1]))
_single_tags = st.builds(Validator, matches=st.booleans(), form=st.sampled_from(["{}", "W/{}"]))
_spans = st.sampled_from(
    [(0, 0), (0, 9), (1, None), (None, 1), (9, 10), (999, None), (1000, 2000), (None, 0), (65_530, 65_540)]
)
_ranges = st.builds(lambda ends: Span(*ends), _spans)
requests = st.builds(
    Request,
    if_match=st.none() | _tags,
    if_unmodified_since=st.none() | _dates,
    if_none_match=st.none() | _tags,
    if_modified_since=st.none() | _dates,
    span=st.none() | _ranges,
) | st.builds(Request, if_range=st.none() | _single_tags | _dates, span=_ranges)
PLAIN = Request()
_OTHER, _FIRST_BYTE = Validator(matches=False), Span(0, 0)
EACH_ALONE = (
    PLAIN,
    Request(if_match=_OTHER),
    Request(if_none_match=Validator()),
    Request(if_none_match=_OTHER, if_modified_since=Validator(is_tag=False)),
    *(Request(if_modified_since=Validator(is_tag=False, age_s=age)) for age in (-1, 0)),
    *(Request(if_unmodified_since=Validator(is_tag=False, age_s=age)) for age in (-1, 0)),
    *(Request(span=span) for span in (_FIRST_BYTE, Span(1, None), Span(None, 1))),
    Request(span=_FIRST_BYTE, if_range=Validator()),
    Request(span=_FIRST_BYTE, if_range=_OTHER),
)
"""One request for every way to answer."""
