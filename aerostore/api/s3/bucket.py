"""S3's operations on buckets: list, create, look at, delete."""

from collections.abc import Sequence
from functools import partial
from typing import NoReturn
from urllib.parse import quote
from xml.etree.ElementTree import Element

from starlette.requests import Request
from starlette.responses import Response

from aerostore.api.caller import QUESTION
from aerostore.api.s3.body import S3Body, open_body
from aerostore.api.s3.caller import Signed
from aerostore.api.s3.fault import S3Fault
from aerostore.api.s3.page import add_owner, bad_argument, parse_count, parse_text, parse_token, to_token
from aerostore.api.s3.route import S3Route
from aerostore.api.s3.setup import S3Setup
from aerostore.api.s3.xml import add, document, read_xml, text_of, xml_response
from aerostore.domain import Bucket, RlsContext, printable
from aerostore.errors import BucketAlreadyExists, MalformedXml, NoSuchBucket, NotSupported
from aerostore.service.question import Question

MAX_BUCKETS = 10_000
# The region that S3 leaves out when it tells where a bucket is.
_UNNAMED_REGION = "us-east-1"
_PUBLIC_READ = "public-read"
_LOCATION = "LocationConstraint"
_NAME = "storage.s3.bucket"
_OTHER_CONFIGURATION = frozenset({"Bucket", "Location", "Tags"})


class BucketOwnedByYou(BucketAlreadyExists):
    """A bucket of that name exists, and the caller may know it."""

    code = "BucketAlreadyOwnedByYou"
    default_message = "Your previous request to create the named bucket succeeded and you already own it"
    default_hint = "Use the bucket as it is, or choose another name."


class BucketRoutes:
    """Parses requests about buckets, asks the service, renders its answers. region: where all buckets are."""

    def __init__(self, setup: S3Setup) -> None:
        self._buckets = setup.storage.buckets
        self._callers = setup.callers
        self._region = setup.region
        self._body_timeout_s = setup.body_timeout_s

    def routes(self) -> list[S3Route]:
        """List the routes; each is named after its operation."""
        served = [
            S3Route(path, self.list, caller=self._callers.required, method="GET", name=f"{_NAME}.list")
            for path in ("", "/")
        ]
        for path in ("/{bucket}", "/{bucket}/"):
            served += self._routes_at(path)
        return served

    def _routes_at(self, path: str) -> Sequence[S3Route]:
        one = partial(S3Route, path, caller=self._callers.required)
        acls, where, versions = frozenset({_PUBLIC_READ}), {"location"}, {"versioning"}
        return (
            one(self.create, method="PUT", name=f"{_NAME}.create", acls=acls),
            one(self.head, method="HEAD", name=f"{_NAME}.head"),
            one(self.delete, method="DELETE", name=f"{_NAME}.delete"),
            one(self.get_location, method="GET", needs=where, name=f"{_NAME}.get_location"),
            one(self.get_versioning, method="GET", needs=versions, name=f"{_NAME}.get_versioning"),
        )

    async def list(self, request: Request, signed: Signed) -> Response:
        """ListBuckets: those that the caller may select."""
        limit = _parse_limit(request)
        prefix, after = parse_text(request, "prefix"), parse_token(request)
        buckets: Sequence[Bucket] = ()
        follows = False
        if request.query_params.get("bucket-region") in {None, "", self._region}:
            buckets, follows = await self._buckets.list_by_id(
                signed.context, limit=limit, prefix=prefix, after=after
            )
        root = document("ListAllMyBucketsResult")
        add_owner(root)
        self._add_buckets(root, buckets)
        if follows:
            add(root, "ContinuationToken", to_token(buckets[-1].id))
        if prefix:
            add(root, "Prefix", prefix)
        return xml_response(root)

    async def create(self, request: Request, signed: Signed) -> Response:
        """CreateBucket. `x-amz-acl: public-read` lets anybody read its objects by name, and list nothing."""
        _check_configured_by_header(request)
        body = await open_body(request, signed, idle_timeout_s=self._body_timeout_s)
        await self._check_location(body, is_empty=_is_empty(request, body))
        bucket_id = request.path_params["bucket"]
        request.scope[QUESTION] = Question(op="bucket.create", bucket_id=bucket_id)
        is_public = request.headers.get("x-amz-acl") == _PUBLIC_READ
        try:
            await self._buckets.create(signed.context, name=bucket_id, public=is_public)
        except BucketAlreadyExists:
            await self._refuse_taken(signed.context, bucket_id)
        return Response(headers={"location": f"/{quote(bucket_id)}"})

    async def head(self, request: Request, signed: Signed) -> Response:
        """HeadBucket."""
        await self._buckets.head(signed.context, request.path_params["bucket"])
        return Response(
            headers={"x-amz-bucket-region": self._region, "x-amz-access-point-alias": "false"},
            media_type="application/xml",
        )

    async def delete(self, request: Request, signed: Signed) -> Response:
        """DeleteBucket: unfinished uploads go with it, objects hold it."""
        await self._buckets.delete(signed.context, request.path_params["bucket"])
        return Response(status_code=204)

    async def get_location(self, request: Request, signed: Signed) -> Response:
        """GetBucketLocation."""
        await self._buckets.get_location(signed.context, request.path_params["bucket"])
        root = document(_LOCATION)
        root.text = None if self._region == _UNNAMED_REGION else self._region
        return xml_response(root)

    async def get_versioning(self, request: Request, signed: Signed) -> Response:
        """GetBucketVersioning: no status, which is S3's word for a bucket that never kept versions."""
        await self._buckets.get_versioning(signed.context, request.path_params["bucket"])
        return xml_response(document("VersioningConfiguration"))

    def _add_buckets(self, root: Element, buckets: Sequence[Bucket]) -> None:
        parent = add(root, "Buckets")
        for bucket in buckets:
            child = add(parent, "Bucket")
            add(child, "Name", bucket.id)
            add(child, "CreationDate", bucket.created_at)
            add(child, "BucketRegion", self._region)

    async def _check_location(self, body: S3Body, *, is_empty: bool) -> None:
        wanted = await _read_location(body, is_empty=is_empty)
        if wanted not in {"", self._region}:
            raise S3Fault(
                "InvalidLocationConstraint",
                "The specified location-constraint is not valid",
                hint=f"Leave it out, or send '{self._region}': this server has one region.",
                details={_LOCATION: printable(wanted, 100)},
            )

    async def _refuse_taken(self, context: RlsContext, bucket_id: str) -> NoReturn:
        try:
            await self._buckets.head(context, bucket_id)
        except NoSuchBucket:
            raise BucketAlreadyExists(resource=bucket_id) from None
        raise BucketOwnedByYou(resource=bucket_id)


def _parse_limit(request: Request) -> int:
    limit = parse_count(request, "max-buckets", MAX_BUCKETS)
    if not 1 <= limit <= MAX_BUCKETS:
        message = f"Argument max-buckets must be an integer between 1 and {MAX_BUCKETS}"
        raise bad_argument("max-buckets", str(limit), message)
    return limit


def _check_configured_by_header(request: Request) -> None:
    """Refuse headers that make another kind of bucket. Without ACLs the bucket's owner owns every object."""
    if request.headers.get("x-amz-bucket-object-lock-enabled", "false").lower() != "false":
        raise NotSupported("Object lock is not implemented")
    ownership = request.headers.get("x-amz-object-ownership", "BucketOwnerEnforced")
    if ownership != "BucketOwnerEnforced":
        raise NotSupported(
            f"The object ownership {printable(ownership, 100)} is not implemented",
            hint="Leave x-amz-object-ownership out, or send BucketOwnerEnforced: objects have no ACLs.",
        )


def _is_empty(request: Request, body: S3Body) -> bool:
    """Tell whether a request has no body. Source: RFC 9112 section 6.3, for one without any length."""
    return body.size_bytes == 0 or (body.size_bytes is None and "transfer-encoding" not in request.headers)


async def _read_location(body: S3Body, *, is_empty: bool) -> str:
    """Return the location that a CreateBucketConfiguration asks for, "" when there is none.

    Raises: NotSupported for another kind of bucket, MalformedXml.
    """
    if is_empty:
        async for _nothing in body.chunks:  # its end is where the hash of nothing is compared
            pass
        body.digests.check()
        return ""
    root = await read_xml(body.chunks, "CreateBucketConfiguration", body.digests)
    names = {child.tag for child in root}
    if unsupported := sorted(names & _OTHER_CONFIGURATION):
        raise NotSupported(f"{', '.join(unsupported)} in CreateBucketConfiguration is not implemented")
    if names - {_LOCATION}:
        raise MalformedXml
    return (text_of(root, _LOCATION) or "").strip()
