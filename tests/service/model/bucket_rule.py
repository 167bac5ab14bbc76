"""Buckets: make, look, list, change, empty, delete."""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.contract.client import invalid_request
from tests.service.model import refusal
from tests.service.model.caller import ALICE, BOB, NOBODY, SERVICE, Caller
from tests.service.model.known import bucket_shape
from tests.service.model.machine import BUCKETS, SIZE_LIMITS, Machine, buckets, callers, restless_buckets
from tests.service.model.reference import Bucket, Place, Reference

_MIME_LISTS: tuple[list[str] | None, ...] = (None, [], ["text/plain"], ["text/*", "image/png"], ["*/*"])
options = st.fixed_dictionaries(
    {},
    optional={
        "public": st.booleans(),
        "file_size_limit": st.sampled_from(SIZE_LIMITS),
        "allowed_mime_types": st.sampled_from(_MIME_LISTS),
    },
)
_FIELDS = {"public": "public", "file_size_limit": "size_limit", "allowed_mime_types": "mime_types"}


class BucketRules(Machine):
    @rule(caller=callers, bucket=buckets, given=options)
    def create_bucket(self, caller: Caller, bucket: str, given: dict[str, Any]) -> None:
        now = self.server.clock()
        made = Bucket(
            id=bucket,
            name=BUCKETS[bucket],
            public=given.get("public", False),
            size_limit=given.get("file_size_limit"),
            mime_types=given.get("allowed_mime_types"),
            created_at=now,
            updated_at=now,
        )
        denied = refusal.to_create_bucket(self.model, caller, bucket)
        body = {"id": bucket, "name": made.name, **given}
        answer = self.change(
            caller,
            "POST",
            "/bucket",
            self.need_token(caller, denied),
            lambda model: model.buckets.update({bucket: made}),
            json=body,
        )
        assert answer is None or answer.json() == {"name": made.name}

    @rule(caller=callers, bucket=restless_buckets, given=options)
    def update_bucket(self, caller: Caller, bucket: str, given: dict[str, Any]) -> None:
        now = self.server.clock()
        denied = refusal.to_see_bucket(self.model, caller, bucket)
        if not given:
            needed = ", ".join(_FIELDS)
            denied = invalid_request(f"body must have at least one of {needed}")
        else:
            denied = self.need_token(caller, denied)

        def change(model: Reference) -> None:
            values = {_FIELDS[name]: value for name, value in given.items()}
            model.buckets[bucket] = replace(model.buckets[bucket], updated_at=now, **values)

        self.change(caller, "PUT", f"/bucket/{bucket}", denied, change, json=given)

    @rule(caller=callers, bucket=restless_buckets)
    def empty_bucket(self, caller: Caller, bucket: str) -> None:
        now = self.server.clock()
        denied = self.need_token(caller, refusal.to_empty_bucket(self.model, caller, bucket))

        def change(model: Reference) -> None:
            model.remove([Place(bucket, name) for name in model.held(bucket)], now)

        self.change(caller, "POST", f"/bucket/{bucket}/empty", denied, change)

    @rule(caller=callers, bucket=restless_buckets)
    def delete_bucket(self, caller: Caller, bucket: str) -> None:
        denied = self.need_token(caller, refusal.to_delete_bucket(self.model, caller, bucket))
        self.change(caller, "DELETE", f"/bucket/{bucket}", denied, lambda model: model.buckets.pop(bucket))

    @rule(caller=callers, bucket=buckets)
    def get_bucket(self, caller: Caller, bucket: str) -> None:
        denied = self.need_token(caller, refusal.to_see_bucket(self.model, caller, bucket))
        if answer := self.read(caller, "GET", f"/bucket/{bucket}", denied):
            assert answer.json() == bucket_shape(self.model.buckets[bucket])

    @rule(
        caller=st.sampled_from([SERVICE, SERVICE, ALICE, BOB, NOBODY]),
        column=st.sampled_from(["id", "name", "created_at", "updated_at"]),
        order=st.sampled_from(["asc", "desc"]),
        search=st.sampled_from(["", "S", "d", "_", "%"]),
        limit=st.integers(1, 4),
        offset=st.integers(0, 2),
    )
    def list_buckets(
        self, caller: Caller, column: str, order: str, search: str, limit: int, offset: int
    ) -> None:
        found = [each for each in self.model.buckets.values() if search.lower() in each.name.lower()]
        found.sort(key=lambda each: each.id)
        found.sort(key=lambda each: str(getattr(each, column)), reverse=order == "desc")
        page = found[offset : offset + limit] if caller.bypasses_policies else []
        query = {"sortColumn": column, "sortOrder": order, "search": search, "limit": limit, "offset": offset}
        answer = self.read(caller, "GET", "/bucket", self.need_token(caller, None), params=query)
        assert answer is None or answer.json() == [
            {**bucket_shape(each), "type": "STANDARD"} for each in page
        ]
