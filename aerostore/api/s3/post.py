"""Form uploads: POST /{bucket} with multipart/form-data, as browsers send it; fields come before the file."""

from collections.abc import AsyncIterator, Mapping
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from aerostore.api.body import body_chunks
from aerostore.api.caller import QUESTION
from aerostore.api.form import NoFile, UploadForm, read_upload_form
from aerostore.api.recheck import then_checked
from aerostore.api.s3.body import digests_of
from aerostore.api.s3.caller import Signed
from aerostore.api.s3.claim import old_signature, read_claim, require_algorithm
from aerostore.api.s3.fault import S3Fault
from aerostore.api.s3.location import url_of
from aerostore.api.s3.metadata import describe
from aerostore.api.s3.policy import PostPolicy, parse_policy
from aerostore.api.s3.route import S3Route
from aerostore.api.s3.setup import S3Setup
from aerostore.api.s3.sigv4 import form_claim, joined_headers
from aerostore.api.s3.supported import check_fields, check_version
from aerostore.api.s3.tagging import tags_of_xml
from aerostore.api.s3.xml import add, document, parse_xml, xml_response
from aerostore.domain import Object
from aerostore.errors import PreconditionFailed
from aerostore.service.publish import Upload
from aerostore.service.question import Question

MAX_FIELDS = 90
_FILENAME = "${filename}"
_OLD_FIELDS = {"awsaccesskeyid", "signature"}
_SIGNED_FIELDS = ("x-amz-algorithm", "x-amz-credential", "x-amz-signature")

Fields = Mapping[str, str]


class PostRoutes:
    """Stores what forms send, by the right of whoever signed their policy."""

    def __init__(self, setup: S3Setup) -> None:
        self._files = setup.storage.files
        self._callers = setup.callers
        self._body_timeout_s = setup.body_timeout_s

    def routes(self) -> list[S3Route]:
        """List the routes."""
        return [
            S3Route(
                path,
                self.post,
                caller=self._callers.nobody,
                method="POST",
                name="storage.s3.upload",
                is_checked=False,
            )
            for path in ("/{bucket}", "/{bucket}/")
        ]

    async def post(self, request: Request, unsigned: Signed) -> Response:
        """POST /{bucket}."""
        _require_form(request)
        form = await self._form(request)
        bucket = request.path_params["bucket"]
        fields = _fields_of(form, bucket)
        signed, policy = await self._author(request, unsigned, fields)
        _check_fields(request, fields)
        upload = _upload_of(fields, bucket)
        request.scope[QUESTION] = Question(
            op="upsert", bucket_id=bucket, name=upload.name, mime_type=upload.mime_type
        )
        chunks = _within(form.chunks, policy) if policy else form.chunks
        stored = await self._files.put(signed.context, upload, then_checked(chunks, signed.recheck))
        return _answer(fields, stored, url_of(request, below=stored.name))

    async def _form(self, request: Request) -> UploadForm:
        try:
            return await read_upload_form(
                request.headers["content-type"],
                body_chunks(request, self._body_timeout_s),
                max_fields=MAX_FIELDS,
                file_field="file",
            )
        except NoFile:
            raise S3Fault(
                "IncorrectNumberOfFilesInPostRequest",
                "POST requires exactly one file upload per request.",
                hint="Send the file in a field named 'file', after all other fields.",
            ) from None

    async def _author(
        self, request: Request, unsigned: Signed, fields: Fields
    ) -> tuple[Signed, PostPolicy | None]:
        """Return who signed the form, and what they let it say; nobody has signed one without a policy."""
        if _OLD_FIELDS & fields.keys():
            raise old_signature()
        encoded = fields.get("policy")
        if encoded is None:
            if any(name in fields for name in _SIGNED_FIELDS):
                raise _missing("policy")
            return unsigned, None
        require_algorithm(fields.get("x-amz-algorithm", ""), "InvalidArgument")
        signed = await self._callers.of_form(request, form_claim(fields), encoded)
        policy = parse_policy(encoded)
        policy.check(fields, self._callers.clock())
        return signed, policy


def _require_form(request: Request) -> None:
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise PreconditionFailed(
            "Bucket POST must be of the enclosure-type multipart/form-data",
            hint="To do something else with a bucket, name it in the query: ?delete, for instance.",
        )
    if read_claim(request, joined_headers(request.scope["headers"])) is not None:
        raise S3Fault("InvalidArgument", "Only one auth mechanism allowed: a form is signed by its fields")


def _fields_of(form: UploadForm, bucket: str) -> dict[str, str]:
    """Return the fields by lower-case name, with the bucket of the path and the file's name in the key."""
    fields = {name.lower(): value for name, value in form.fields.items()}
    if not fields.get("key"):
        raise _missing("key")
    filename = (form.filename or "").replace("\\", "/").rpartition("/")[2]
    return {**fields, "bucket": bucket, "key": fields["key"].replace(_FILENAME, filename)}


def _missing(name: str) -> S3Fault:
    return S3Fault(
        "InvalidArgument",
        f"Bucket POST must contain a field named '{name}'. If it is specified, please check the order of the"
        " fields.",
    )


def _check_fields(request: Request, fields: Fields) -> None:
    """Refuse fields that ask for what is not implemented, as if they were the headers of a PUT."""
    acl = {"x-amz-acl": fields["acl"]} if "acl" in fields else {}
    check_fields({**acl, **fields})
    check_version(request.query_params.get("versionId"))


def _upload_of(fields: Fields, bucket: str) -> Upload:
    # Its type is not the one that the file's part names: no condition of a policy is about that.
    said = describe(fields)
    extra = said.extra_with_tags
    if "tagging" in fields:
        extra = {**extra, "tags": dict(tags_of_xml(parse_xml(fields["tagging"].encode(), "Tagging")))}
    return Upload(
        bucket_id=bucket,
        name=fields["key"],
        mime_type=said.mime_type,
        cache_control=said.cache_control,
        user_metadata=said.user_metadata,
        upsert=True,
        upload_type="s3",
        digests=digests_of(fields),
        extra=extra,
    )


async def _within(chunks: AsyncIterator[bytes], policy: PostPolicy) -> AsyncIterator[bytes]:
    """Yield a file, which ends only if it is as long as the policy lets it be."""
    received = 0
    async for chunk in chunks:
        received += len(chunk)
        policy.check_size(received, is_whole=False)
        yield chunk
    policy.check_size(received, is_whole=True)


def _answer(fields: Fields, stored: Object, location: str) -> Response:
    headers = {"etag": f'"{stored.etag}"', "location": location}
    redirect = _redirect(fields.get("success_action_redirect", ""), stored)
    if redirect is not None:
        return Response(status_code=303, headers={**headers, "location": redirect})
    status = fields.get("success_action_status")
    if status == "201":
        root = document("PostResponse")
        add(root, "Location", location)
        add(root, "Bucket", stored.bucket_id)
        add(root, "Key", stored.name)
        add(root, "ETag", f'"{stored.etag}"')
        return xml_response(root, status=201, headers=headers)
    return Response(status_code=200 if status == "200" else 204, headers=headers)


def _redirect(url: str, stored: Object) -> str | None:
    """Return where a browser goes next, told what was stored; None for what is no web address."""
    try:
        found = urlsplit(url)
    except ValueError:
        return None
    if found.scheme not in {"http", "https"} or not found.netloc:
        return None
    told = f"bucket={quote(stored.bucket_id)}&key={quote(stored.name)}&etag=%22{quote(stored.etag)}%22"
    query = f"{found.query}&{told}" if found.query else told
    # Escapes stay as they are; what must not be in a header is escaped now.
    return quote(found._replace(query=query).geturl(), safe="%/:?#[]@!$&'()*+,;=~-._")
