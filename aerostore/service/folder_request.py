"""What can be asked of a folder: to move, copy or delete every object whose name begins with a prefix."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from aerostore.domain import MAX_NAME_BYTES, JsonObject, RlsContext, check_object_name, printable
from aerostore.errors import InvalidKey, InvalidParameter
from aerostore.executor.statements import successor
from aerostore.permissions import (
    FOLDER_COPY,
    FOLDER_DELETE,
    FOLDER_MOVE,
    OBJECT_COPY,
    OBJECT_DELETE_MANY,
    OBJECT_MOVE,
    Operation,
    admit,
)
from aerostore.service.question import Question

MOVE, COPY, DELETE = "folder.move", "folder.copy", "folder.delete"
KINDS = (MOVE, COPY, DELETE)
# What is asked for, and how policies know it for one object.
_OPERATIONS: dict[str, tuple[Operation, Operation]] = {
    MOVE: (FOLDER_MOVE, OBJECT_MOVE),
    COPY: (FOLDER_COPY, OBJECT_COPY),
    DELETE: (FOLDER_DELETE, OBJECT_DELETE_MANY),
}


class OnConflict(StrEnum):
    """What becomes of an object whose new name is taken: all stops, it stays, or it takes the place."""

    FAIL = "fail"
    SKIP = "skip"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderRequest:
    """What to do with a folder. prefix, to_prefix: empty, or with a slash at the end; empty is the root."""

    kind: str
    bucket_id: str
    prefix: str
    to_bucket_id: str = ""
    to_prefix: str = ""
    conflict: OnConflict = OnConflict.FAIL

    @property
    def upper(self) -> str | None:
        """The least text above every name in the folder; None for a whole bucket."""
        return successor(self.prefix)

    @property
    def changes_bucket(self) -> bool:
        """Whether the objects go to another bucket."""
        return self.kind != DELETE and self.to_bucket_id != self.bucket_id

    def admitted(self, context: RlsContext) -> RlsContext:
        """Return `context` as policies judge each object. Raises: RoleNotAllowed."""
        of_folder, of_object = _OPERATIONS[self.kind]
        return admit(admit(context, of_folder), of_object)

    def new_name(self, name: str) -> str:
        """Return what an object of the folder is called afterwards.

        Raises: InvalidKey when it cannot be; InvalidParameter when it would be in the folder again.
        """
        new = self.to_prefix + name[len(self.prefix) :]
        if not self.changes_bucket and new.startswith(self.prefix):
            raise InvalidParameter(
                f"{printable(name)} would be in the folder that it comes from",
                hint="Move what is in the way first, or take another destination.",
            )
        return check_object_name(new)

    def check_names(self, names: Sequence[str]) -> None:
        """Raise what `new_name` raises for one of `names`."""
        for name in names if self.kind != DELETE else ():
            self.new_name(name)

    def check_longest(self, longest: int) -> None:
        """Raise InvalidKey when a name of so many bytes is too long afterwards."""
        growth = len(self.to_prefix.encode()) - len(self.prefix.encode())
        if self.kind != DELETE and longest + growth > MAX_NAME_BYTES:
            raise InvalidKey(
                f"A name would have {longest + growth} bytes; {MAX_NAME_BYTES} are allowed",
                hint="Take a shorter destination, or rename what is deep in the folder first.",
            )

    def question_about(self, bucket_id: str, name: str) -> Question | None:
        """Return what is asked of one object, for `explain`.

        Of one that has a name that is wanted: whether it may be deleted. None when it is neither.
        """
        op = self.kind.removeprefix("folder.")
        if bucket_id == self.bucket_id and name.startswith(self.prefix):
            question = Question(op=op, bucket_id=bucket_id, name=name)
            return question if self.kind == DELETE else self._with_destination(question)
        if self.conflict is OnConflict.REPLACE and bucket_id == self.to_bucket_id:
            return Question(op="delete", bucket_id=bucket_id, name=name)
        return None

    def _with_destination(self, question: Question) -> Question:
        return replace(
            question,
            to_bucket_id=self.to_bucket_id,
            to_name=self.to_prefix + question.name[len(self.prefix) :],
            upsert=self.conflict is OnConflict.REPLACE,
        )

    def to_json(self) -> JsonObject:
        """Return the request as it is kept, and as clients send it."""
        body: JsonObject = {"bucket": self.bucket_id, "prefix": self.prefix}
        if self.kind != DELETE:
            body |= {"to_bucket": self.to_bucket_id, "to_prefix": self.to_prefix}
            body["conflict"] = str(self.conflict)
        return body


def folder_request(kind: str, body: JsonObject) -> FolderRequest:
    """Return what `body` asks for, which has the members of `FolderRequest.to_json`.

    Raises: InvalidParameter, InvalidKey for what cannot be done whatever the folder holds.
    """
    request = FolderRequest(kind=kind, bucket_id=body["bucket"], prefix=_checked("prefix", body["prefix"]))
    if kind == DELETE:
        return request
    request = replace(
        request,
        to_bucket_id=body.get("to_bucket") or request.bucket_id,
        to_prefix=_checked("to_prefix", body["to_prefix"]),
        conflict=OnConflict(body.get("conflict", OnConflict.FAIL)),
    )
    _require_elsewhere(request)
    return request


def _checked(member: str, prefix: str) -> str:
    if prefix and not prefix.endswith("/"):
        raise InvalidParameter(f"{member} must end with '/'", hint="'a/' means what is in folder a.")
    if prefix:
        check_object_name(prefix)
    return prefix


def _require_elsewhere(request: FolderRequest) -> None:
    if request.kind == MOVE and not request.prefix:
        raise InvalidParameter("A whole bucket cannot be moved", hint="Copy it, then empty the bucket.")
    if request.changes_bucket:
        return
    if request.to_prefix == request.prefix:
        raise InvalidParameter("The destination is the folder itself", hint="Take another destination.")
    if request.to_prefix.startswith(request.prefix):
        raise InvalidParameter(
            "The destination is inside the folder", hint="Take a destination outside of it."
        )
