"""Signed links: asked for, used in time and too late, after deletes, moves and overwrites."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qs, urlsplit

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, multiple, rule

from tests.contract.client import (
    NO_SUCH_KEY,
    NO_SUCH_RELATION,
    WireError,
    invalid_link,
    wrong_link,
)
from tests.service.model import reading, refusal
from tests.service.model.caller import ALICE, NOBODY, SERVICE, Caller
from tests.service.model.list_rule import ListRules
from tests.service.model.machine import callers, contents, names, new_places, places
from tests.service.model.reference import Content, Place
from tests.service.model.sending import body_as, forms, is_size_known
from tests.service.model.server import UPLOAD_EXPIRES_IN_S

EXPIRED = invalid_link('"exp" claim timestamp check failed')
WRONG = wrong_link("Invalid signature")
NOT_SIGNED = "Either the object does not exist or you do not have access to it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The right to read one object: `serial` says which, whatever has its name later."""

    place: Place
    serial: int
    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadLink:
    """The right to write one name, for `owner`."""

    place: Place
    owner: str | None
    upsert: bool
    token: str
    expires_at: datetime


links = Bundle("links")
upload_links = Bundle("upload_links")
lifetimes = st.sampled_from([1, 60, 3600, 30 * 24 * 3600])


class LinkRules(ListRules):
    @rule(target=links, caller=callers, place=new_places, lifetime_s=lifetimes)
    def sign(self, caller: Caller, place: Place, lifetime_s: int) -> Link | MultipleResults[Link]:
        end = self.end_of(lifetime_s)
        denied = refusal.to_name(place.name) or refusal.to_find(self.model, caller, place)
        answer = self.read(
            caller,
            "POST",
            self.path(place, "sign"),
            self.need_token(caller, denied),
            json={"expiresIn": lifetime_s},
        )
        return self.link(place, answer.json()["signedURL"], end) if answer else multiple()

    @rule(
        target=links, caller=callers, place=places, others=st.lists(names, max_size=2), lifetime_s=lifetimes
    )
    def sign_many(
        self, caller: Caller, place: Place, others: list[str], lifetime_s: int
    ) -> MultipleResults[Link]:
        end, paths = self.end_of(lifetime_s), [*others, place.name]
        answer = self.read(
            caller,
            "POST",
            f"/object/sign/{place.bucket}",
            self.need_token(caller, None),
            json={"expiresIn": lifetime_s, "paths": paths},
        )
        if answer is None:
            return multiple()
        visible, made = self.model.visible(caller, place.bucket), []
        for path, entry in zip(paths, answer.json(), strict=True):
            if path in visible:
                assert (entry["error"], entry["path"]) == (None, path)
                made.append(self.link(Place(place.bucket, path), entry["signedURL"], end))
            else:
                assert entry == {"error": NOT_SIGNED, "path": path, "signedURL": None}
        return multiple(*made)

    def link(self, place: Place, url: str, end: datetime) -> Link:
        path, _, query = url.partition("?token=")
        shown = place.name.replace("?", "%3F").replace("#", "%23")
        assert path == f"/object/sign/{place.bucket}/{shown}"
        return Link(
            place=place,
            serial=self.model.objects[place].serial,
            token=query,
            expires_at=end,
        )

    def end_of(self, lifetime_s: int) -> datetime:
        return (self.server.clock() + timedelta(seconds=lifetime_s)).replace(microsecond=0)

    def refusal_of(self, link: Link) -> WireError | None:
        if link.expires_at <= self.server.clock():
            return EXPIRED
        stored = self.model.objects.get(link.place)
        return None if stored and stored.serial == link.serial else NO_SUCH_KEY

    @rule(
        link=links,
        caller=st.sampled_from([NOBODY, SERVICE]),
        verb=st.sampled_from(["GET", "GET", "HEAD"]),
        request=st.just(reading.PLAIN) | reading.requests,
    )
    def follow_link(self, link: Link, caller: Caller, verb: str, request: reading.Request) -> None:
        path = self.path(link.place, "sign")
        if denied := self.refusal_of(link):
            self.read(caller, verb, path, denied, params={"token": link.token})
            return
        stored = self.model.objects[link.place]
        answer = self.fetch(caller, verb, path, request, stored, token=link.token)
        if answer is not None:
            assert answer.headers["expires"] == format_datetime(link.expires_at, usegmt=True)

    @rule(link=links, left_s=st.sampled_from([1, 0]))
    def follow_link_at_its_end(self, link: Link, left_s: int) -> None:
        """Wait until a second is left, or none."""
        moment = link.expires_at - timedelta(seconds=left_s)
        self.server.clock.now = max(self.server.clock.now, moment)
        self.follow_link(link, NOBODY, "GET", reading.PLAIN)

    @rule(link=links, caller=st.sampled_from([SERVICE, ALICE]))
    def put_another_where_a_link_leads(self, link: Link, caller: Caller) -> None:
        """A link dies with its object, and does not pass to another one of that name."""
        self.delete(caller, link.place)
        self.upload(caller, link.place, Content(body=b"another"), "raw", "POST")
        self.follow_link(link, NOBODY, "GET", reading.PLAIN)

    @rule(link=links, place=places)
    def move_away_and_back(self, link: Link, place: Place) -> None:
        self.move(SERVICE, link.place, place)
        self.follow_link(link, NOBODY, "GET", reading.PLAIN)
        self.move(SERVICE, place, link.place)
        self.follow_link(link, NOBODY, "GET", reading.PLAIN)

    @rule(link=links, name=names)
    def follow_link_to_another_name(self, link: Link, name: str) -> None:
        place = Place(link.place.bucket, name)
        if place == link.place or {"%", "/"} & {*place.name, *link.place.name}:
            return  # escapes are read leniently, and the token decides
        denied = EXPIRED if link.expires_at <= self.server.clock() else WRONG
        self.read(NOBODY, "GET", self.path(place, "sign"), denied, params={"token": link.token})

    @rule(link=links, caller=callers)
    def add_link_to_plain_path(self, link: Link, caller: Caller) -> None:
        """A good link serves; a stale one hides nothing, and is the reason where only it could help."""
        denied = self.refusal_of(link)
        if denied:
            otherwise = refusal.to_read(self.model, caller, link.place, "")
            private = caller is NOBODY and not self.model.is_public(link.place.bucket)
            denied = denied if private else otherwise
        answer = self.read(caller, "GET", self.path(link.place), denied, params={"token": link.token})
        if answer is not None:
            assert answer.content == self.model.objects[link.place].content.body

    # Links to upload

    @rule(target=upload_links, caller=callers, place=new_places, upsert=st.booleans())
    def sign_upload(
        self, caller: Caller, place: Place, upsert: bool
    ) -> UploadLink | MultipleResults[UploadLink]:
        end = self.end_of(UPLOAD_EXPIRES_IN_S)
        denied = refusal.to_name(place.name)
        if place.bucket not in self.model.buckets:
            denied = denied or NO_SUCH_RELATION
        denied = denied or refusal.to_put(self.model, caller, place, upsert=upsert)
        answer = self.read(
            caller,
            "POST",
            self.path(place, "upload/sign"),
            self.need_token(caller, denied),
            headers={"x-upsert": str(upsert).lower()},
        )
        if answer is None:
            return multiple()
        (token,) = parse_qs(urlsplit(answer.json()["url"]).query)["token"]
        assert token == answer.json()["token"]
        return UploadLink(
            place=place,
            owner=caller.user,
            upsert=upsert,
            token=token,
            expires_at=end,
        )

    @rule(target=places, link=upload_links, content=contents, form=forms)
    def upload_by_link(self, link: UploadLink, content: Content, form: str) -> Place | MultipleResults[Place]:
        """As the system: policies judged the link when it was asked for, limits and names count now."""
        now = self.server.clock()
        denied = refusal.to_upload(
            self.model,
            SERVICE,
            link.place,
            content,
            upsert=link.upsert,
            size_is_known=is_size_known(form, content),
        )
        if link.expires_at <= now:
            denied = EXPIRED
        answer = self.change(
            NOBODY,
            "PUT",
            self.path(link.place, "upload/sign"),
            denied,
            lambda model: model.write(link.owner, link.place, content, now),
            params={"token": link.token},
            **body_as(form, content),
        )
        assert answer is None or answer.json() == {"Key": "/".join(link.place)}
        return link.place if answer else multiple()

    @rule(caller=st.sampled_from([SERVICE, ALICE]), place=new_places, upsert=st.booleans())
    def use_upload_link_twice(self, caller: Caller, place: Place, upsert: bool) -> None:
        link = self.sign_upload(caller, place, upsert)
        if isinstance(link, UploadLink):
            for body in (b"once", b"twice"):
                self.upload_by_link(link, Content(body=body, mime_type="text/plain"), "raw")
