"""Writing: uploads in every form, copies, moves and deletes."""

from itertools import cycle

from hypothesis import strategies as st
from hypothesis.stateful import MultipleResults, initialize, multiple, rule

from tests.contract.client import WireError
from tests.service.model import refusal
from tests.service.model.bucket_rule import BucketRules
from tests.service.model.caller import ALICE, BOB, SERVICE, Caller
from tests.service.model.machine import NAMES, callers, contents, names, new_places, places
from tests.service.model.reference import Content, Place
from tests.service.model.sending import (
    CopyOptions,
    body_as,
    copy_options,
    forms,
    is_size_known,
    relocation,
)

INCOMPLETE = WireError(
    400, "400", "InvalidRequest", "The request body ended before it was complete", "InvalidRequest"
)
AtPlaces = Place | MultipleResults[Place]


class WriteRules(BucketRules):
    @initialize(target=places)
    def begin_with_objects_of_everybody(self) -> MultipleResults[Place]:
        self.create_bucket(SERVICE, "first", {})
        self.create_bucket(SERVICE, "second", {"public": True, "file_size_limit": 1000})
        self.update_bucket(SERVICE, "second", {"allowed_mime_types": ["text/*"]})
        made = [Place("first", name) for name in NAMES[:12]] + [Place("second", name) for name in NAMES[::5]]
        owners, kinds = cycle([SERVICE, ALICE, ALICE, BOB]), cycle(["text/plain", "text/html", "image/png"])
        for number, place in enumerate(made):
            body = b"%d" % (number % 5) * (600 if place.bucket == "first" and number % 5 == 4 else 1)
            kind = next(kinds) if place.bucket == "first" else "text/plain"
            self.upload(next(owners), place, Content(body=body * 2, mime_type=kind), "raw", "POST")
        return multiple(*made)

    @rule(
        target=places,
        caller=callers,
        place=new_places,
        content=contents,
        form=forms,
        verb=st.sampled_from(["POST", "PUT", "upsert"]),
    )
    def upload(self, caller: Caller, place: Place, content: Content, form: str, verb: str) -> AtPlaces:
        now, upsert = self.server.clock(), verb != "POST"
        denied = refusal.to_upload(
            self.model, caller, place, content, upsert=upsert, size_is_known=is_size_known(form, content)
        )
        body = body_as(form, content)
        if verb == "upsert":
            body["headers"]["x-upsert"] = "true"
        answer = self.change(
            caller,
            "PUT" if verb == "PUT" else "POST",
            self.path(place),
            self.need_token(caller, denied),
            lambda model: model.write(caller.user, place, content, now),
            **body,
        )
        if answer is None:
            return multiple()
        stored = self.model.objects[place]
        key = f"{place.bucket}/{place.name}"
        assert answer.json() == {"Key": key, "Id": self.known.same(stored.serial, answer.json()["Id"])}
        return place

    @rule(caller=callers, place=new_places, over=st.integers(0, 1), form=forms)
    def upload_at_the_limit(self, caller: Caller, place: Place, over: int, form: str) -> None:
        bucket = self.model.buckets.get(place.bucket)
        if bucket and bucket.size_limit is not None:
            body = b"x" * (bucket.size_limit + over)
            self.upload(caller, place, Content(body=body, mime_type="text/plain"), form, "PUT")

    @rule(name=names)
    def empty_what_was_filled_just_now(self, name: str) -> None:
        self.create_bucket(SERVICE, "third", {})
        self.upload(SERVICE, Place("third", name), Content(body=b"", mime_type="text/plain"), "raw", "PUT")
        self.empty_bucket(SERVICE, "third")

    @rule(caller=callers, place=new_places, size=st.sampled_from([0, 1000, 70_000]))
    def cut_upload(self, caller: Caller, place: Place, size: int) -> None:
        """Send less than was announced. A short body is read before anything is asked, a long one after."""
        content = Content(body=b"x" * (size + 1))
        denied = refusal.to_upload(self.model, caller, place, content, upsert=True, size_is_known=True)
        if size < 65_536 or denied is None:
            denied = INCOMPLETE
        self.change(
            caller,
            "PUT",
            self.path(place),
            self.need_token(caller, denied),
            lambda model: None,
            content=content.body[1:],
            headers={"content-length": str(size + 1)},
        )

    @rule(target=places, caller=callers, source=places, place=new_places, options=copy_options)
    def copy(self, caller: Caller, source: Place, place: Place, options: CopyOptions) -> AtPlaces:
        now, stored = self.server.clock(), self.model.objects.get(source)
        content = options.of(stored.content if stored else Content(body=b""))
        answer = self.change(
            caller,
            "POST",
            "/object/copy",
            self.need_token(
                caller,
                refusal.to_relocate(self.model, caller, source, place, content)
                or refusal.to_put(self.model, caller, place, upsert=options.upsert),
            ),
            lambda model: model.duplicate(caller.user, place, content, now),
            json=relocation(source, place) | options.body,
            headers=options.headers,
        )
        if answer is None:
            return multiple()
        seen = answer.json()
        row = self.known.row(place, self.model.objects[place], seen)
        assert seen == {"Key": f"{place.bucket}/{place.name}", "Id": row["id"], **row}
        return place

    @rule(caller=st.sampled_from([SERVICE, ALICE]), source=places, name=names, options=copy_options)
    def copy_and_move_elsewhere(self, caller: Caller, source: Place, name: str, options: CopyOptions) -> None:
        """Go to another bucket, whose limits count."""
        place = Place("first" if source.bucket == "second" else "second", name)
        self.copy(caller, source, place, options)
        self.move(caller, source, place)

    @rule(target=places, caller=callers, source=places, place=new_places)
    def move(self, caller: Caller, source: Place, place: Place) -> AtPlaces:
        now = self.server.clock()
        answer = self.change(
            caller,
            "POST",
            "/object/move",
            self.need_token(caller, refusal.to_move(self.model, caller, source, place)),
            lambda model: model.move(caller.user, source, place, now),
            json=relocation(source, place),
        )
        assert answer is None or answer.json() == {"message": "Successfully moved"}
        return place if answer else multiple()

    @rule(caller=callers, place=places)
    def delete(self, caller: Caller, place: Place) -> None:
        now = self.server.clock()
        denied = self.need_token(caller, refusal.to_delete(self.model, caller, place))
        self.change(caller, "DELETE", self.path(place), denied, lambda model: model.remove([place], now))

    @rule(caller=callers, place=places, others=st.lists(names, max_size=5))
    def delete_many(self, caller: Caller, place: Place, others: list[str]) -> None:
        now = self.server.clock()
        visible = self.model.visible(caller, place.bucket)
        gone = sorted({place.name, *others} & visible.keys())
        answer = self.change(
            caller,
            "DELETE",
            f"/object/{place.bucket}",
            self.need_token(caller, None),
            lambda model: model.remove([Place(place.bucket, name) for name in gone], now),
            json={"prefixes": [place.name, *others]},
        )
        if answer is None:
            return
        rows = {row["name"]: row for row in answer.json()}
        assert len(rows) == len(answer.json())
        assert rows == {
            name: self.known.row(Place(place.bucket, name), visible[name], rows.get(name, _NO_ROW))
            for name in gone
        }


_NO_ROW = {"id": "", "version": ""}
