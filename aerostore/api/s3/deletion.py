"""S3's operations that delete objects: one by its name, or up to 1,000 in one request."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from starlette.requests import Request
from starlette.responses import Response

from aerostore.api.address import address
from aerostore.api.s3.body import open_body
from aerostore.api.s3.caller import Signed
from aerostore.api.s3.condition import if_match_of, unquoted
from aerostore.api.s3.error import code_of, message_of
from aerostore.api.s3.route import S3Route
from aerostore.api.s3.setup import S3Setup
from aerostore.api.s3.supported import check_version
from aerostore.api.s3.xml import add, document, read_xml, text_of, xml_response
from aerostore.domain import RlsContext
from aerostore.errors import AccessDenied, MalformedXml, NotSupported, StorageError

MAX_NAMES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """One object to delete. if_match: the entity tag that it must have; refusal: why it cannot be meant."""

    name: str
    if_match: str | None = None
    refusal: StorageError | None = None

    @property
    def is_plain(self) -> bool:
        """Tell whether it goes whatever it is."""
        return self.if_match is None and self.refusal is None


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of a target: gone, unless something failed."""

    target: _Target
    failure: StorageError | None


class DeletionRoutes:
    """Parses requests to delete objects, asks the service, renders its answers."""

    def __init__(self, setup: S3Setup) -> None:
        self._files = setup.storage.files
        self._callers = setup.callers
        self._body_timeout_s = setup.body_timeout_s

    def routes(self) -> list[S3Route]:
        """List the routes; each is named after its operation."""
        required = self._callers.required
        return [
            S3Route(
                "/{bucket}/{name:name}",
                self.delete,
                caller=required,
                method="DELETE",
                name="storage.s3.object.delete",
            ),
            *(
                S3Route(
                    path,
                    self.delete_many,
                    caller=required,
                    method="POST",
                    needs={"delete"},
                    name="storage.s3.object.delete_many",
                )
                for path in ("/{bucket}", "/{bucket}/")
            ),
        ]

    async def delete(self, request: Request, signed: Signed) -> Response:
        """DeleteObject: no error when there is none."""
        if_match = if_match_of(request.headers)
        await self._files.remove(signed.context, *address(request), if_match=if_match)
        return Response(status_code=204)

    async def delete_many(self, request: Request, signed: Signed) -> Response:
        """DeleteObjects: what became of each name, whatever became of the others."""
        body = await open_body(request, signed, idle_timeout_s=self._body_timeout_s)
        root = await read_xml(body.chunks, "Delete", body.digests)
        targets, is_quiet = _targets_of(root), _is_quiet(root)
        outcomes = await self._remove(signed.context, request.path_params["bucket"], targets)
        return xml_response(_to_document(outcomes, is_quiet=is_quiet))

    async def _remove(self, context: RlsContext, bucket: str, targets: Sequence[_Target]) -> list[_Outcome]:
        plain = [each.name for each in targets if each.is_plain]
        refused = await self._files.remove_many(context, bucket, plain)
        outcomes = []
        for each in targets:
            failure: StorageError | None
            if each.is_plain:
                failure = AccessDenied("Access Denied") if each.name in refused else None
            else:
                failure = each.refusal or await self._failure_to_remove(context, bucket, each)
            outcomes.append(_Outcome(each, failure))
        return outcomes

    async def _failure_to_remove(
        self, context: RlsContext, bucket: str, target: _Target
    ) -> StorageError | None:
        try:
            await self._files.remove(context, bucket, target.name, if_match=target.if_match)
        except StorageError as exc:
            return exc
        return None


def _targets_of(root: Element) -> list[_Target]:
    """Return what a <Delete> document names. Raises: MalformedXml for none, and for more than 1,000."""
    targets = [_target_of(each) for each in root.findall("Object")]
    if not 1 <= len(targets) <= MAX_NAMES:
        raise MalformedXml(f"A request deletes 1 to {MAX_NAMES} objects; this one names {len(targets)}")
    return targets


def _target_of(element: Element) -> _Target:
    name = text_of(element, "Key")
    if not name:
        raise MalformedXml("An Object to delete has no Key")
    etag = text_of(element, "ETag")
    return _Target(
        name=name,
        if_match=None if etag is None else unquoted(etag),
        refusal=_refusal_of(element),
    )


def _refusal_of(element: Element) -> StorageError | None:
    if element.find("LastModifiedTime") is not None or element.find("Size") is not None:
        return NotSupported("Deleting by time or size is not implemented", hint="Send the ETag.")
    try:
        check_version(text_of(element, "VersionId"))
    except StorageError as exc:
        return exc
    return None


def _is_quiet(root: Element) -> bool:
    return (text_of(root, "Quiet") or "").strip().lower() == "true"


def _to_document(outcomes: Sequence[_Outcome], *, is_quiet: bool) -> Element:
    root = document("DeleteResult")
    for each in outcomes:
        if each.failure is not None:
            error = add(root, "Error")
            add(error, "Key", each.target.name)
            add(error, "Code", code_of(each.failure))
            add(error, "Message", message_of(each.failure))
        elif not is_quiet:
            add(add(root, "Deleted"), "Key", each.target.name)
    return root
