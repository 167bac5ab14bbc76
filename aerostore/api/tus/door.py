"""Routes of resumable uploads: with a token of the caller's, or below /sign with one for a single name."""

import re
from collections.abc import Awaitable, Callable
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aerostore.api.auth import credentials
from aerostore.api.body import body_chunks, declared_size
from aerostore.api.caller import QUESTION, Callers
from aerostore.api.location import location_of
from aerostore.api.recheck import then_checked
from aerostore.api.request import ADMIN
from aerostore.api.tus.edge import PREFIX
from aerostore.api.tus.header import (
    ECHO,
    VERSION,
    capability_headers,
    check_version,
    creation_headers,
    description_headers,
    parse_checksum,
    parse_continuation,
    parse_creation,
    progress_headers,
)
from aerostore.api.upload_option import asks_for_upsert
from aerostore.domain import RlsContext, UploadLink
from aerostore.errors import InvalidInput, InvalidLink, InvalidToken
from aerostore.service import FileStorage
from aerostore.service.portion import Portion
from aerostore.service.publish import Upload
from aerostore.service.question import Question
from aerostore.service.resumable import ResumableUploads

Identify = Callable[[Request], Awaitable[tuple[RlsContext, UploadLink | None]]]
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_ALLOWED = {
    "Access-Control-Allow-Methods": "POST, HEAD, PATCH, OPTIONS, DELETE",
    "Access-Control-Allow-Headers": (
        "Authorization, ApiKey, Content-Type, Tus-Resumable, Upload-Checksum, Upload-Defer-Length,"
        " Upload-Length, Upload-Metadata, Upload-Offset, X-HTTP-Method-Override, X-Request-Id, X-Signature,"
        " X-Upsert"
    ),
    "Access-Control-Max-Age": "86400",
}


class TusDoor:
    """Resumable uploads by callers and by signed upload URLs.

    public_url: where clients reach the server, without /storage/v1; empty when it is not known.
    """

    def __init__(
        self, storage: FileStorage, callers: Callers, *, public_url: str, body_timeout_s: float
    ) -> None:
        self._uploads = storage.resumable
        self._links = storage.signed_urls
        self._callers = callers
        self._public_url = public_url
        self._body_timeout_s = body_timeout_s

    def routes(self) -> list[Route]:
        """List the routes, `sign` before ids; each is named after its operation."""
        signed = self._family(f"{PREFIX}/sign", self._by_link, "_signed")
        return [*signed.routes(), *self._family(PREFIX, self._by_token, "").routes()]

    def _family(self, path: str, identify: Identify, suffix: str) -> "_Family":
        return _Family(
            self._uploads,
            identify,
            path=path,
            suffix=suffix,
            public_url=self._public_url,
            body_timeout_s=self._body_timeout_s,
        )

    async def _by_token(self, request: Request) -> tuple[RlsContext, None]:
        if ADMIN not in request.scope and credentials(request.headers) is None:
            raise InvalidToken
        return await self._callers.required(request), None

    async def _by_link(self, request: Request) -> tuple[RlsContext, UploadLink]:
        token = request.headers.get("x-signature")
        if token is None:
            raise InvalidLink("Missing x-signature header", hint="Send the token of the signed upload URL.")
        return self._callers.nobody(request), self._links.verify_upload_token(token)


class _Family:
    """The routes at `path`, for those whom `identify` lets in. suffix: the end of their operations' names."""

    def __init__(
        self,
        uploads: ResumableUploads,
        identify: Identify,
        *,
        path: str,
        suffix: str,
        public_url: str,
        body_timeout_s: float,
    ) -> None:
        self._uploads = uploads
        self._identify = identify
        self._path = path
        self._suffix = suffix
        self._public_url = public_url
        self._body_timeout_s = body_timeout_s

    def routes(self) -> list[Route]:
        """List the routes; ids are any text, so that each wrong one gets the same answer."""
        one, all_ = f"{self._path}/{{id:name}}", (self._path, f"{self._path}/")
        table = [
            *((path, "POST", self.create, "upload.create") for path in all_),
            (one, "HEAD", self.describe, "upload.get"),
            (one, "PATCH", self.append, "upload.part"),
            (one, "DELETE", self.delete, "upload.delete"),
            *((path, "OPTIONS", self.options, "options") for path in (*all_, one)),
        ]
        return [
            Route(
                path,
                endpoint,
                methods=[method],
                name=f"storage.tus.{name}{self._suffix if name != 'options' else ''}",
                include_in_schema=False,
            )
            for path, method, endpoint, name in table
        ]

    async def options(self, request: Request) -> Response:
        """OPTIONS: what the server can; nobody has to sign in for it."""
        return _answer(204, {**capability_headers(self._uploads.max_size_bytes), **_ALLOWED})

    async def create(self, request: Request) -> Response:
        """POST /upload/resumable: begin an upload, with its first bytes or without."""
        context, link = await self._enter(request)
        asked = parse_creation(request.headers, upsert=asks_for_upsert(request))
        request.scope[QUESTION] = _question(asked.upload)
        session = await self._uploads.create(
            context,
            asked.upload,
            echo={ECHO: asked.metadata},
            first=self._portion(request) if asked.has_first_bytes else None,
            link=link,
        )
        url = location_of(request, f"{self._path}/{session.id}", public_url=self._public_url)
        has_progress = asked.has_first_bytes or session.size_bytes == 0
        told = progress_headers(session) if has_progress else creation_headers(session)
        return _answer(201, {"Location": url, **told})

    async def describe(self, request: Request) -> Response:
        """HEAD /upload/resumable/{id}: how far the upload is."""
        context, link = await self._enter(request)
        session = await self._uploads.get(context, _id_of(request), link=link)
        return _answer(200, description_headers(session))

    async def append(self, request: Request) -> Response:
        """PATCH /upload/resumable/{id}: more of its bytes."""
        context, link = await self._enter(request)
        told = parse_continuation(request.headers)
        portion = self._portion(request, offset=told.offset, size_bytes=told.size_bytes)
        session = await self._uploads.append(context, _id_of(request), portion, link=link)
        return _answer(204, progress_headers(session))

    async def delete(self, request: Request) -> Response:
        """DELETE /upload/resumable/{id}: forget it."""
        context, link = await self._enter(request)
        await self._uploads.delete(context, _id_of(request), link=link)
        return _answer(204, {})

    async def _enter(self, request: Request) -> tuple[RlsContext, UploadLink | None]:
        identified = await self._identify(request)
        check_version(request.headers)
        return identified

    def _portion(self, request: Request, *, offset: int = 0, size_bytes: int | None = None) -> Portion:
        return Portion(
            # A body may take hours to arrive: who sends it must still be let in when it is there.
            body=then_checked(body_chunks(request, self._body_timeout_s), partial(self._identify, request)),
            offset=offset,
            announced_bytes=declared_size(request),
            size_bytes=size_bytes,
            digests=parse_checksum(request.headers),
        )


def _answer(status: int, headers: dict[str, str]) -> Response:
    return Response(status_code=status, headers={"Tus-Resumable": VERSION, **headers})


def _id_of(request: Request) -> str:
    upload_id: str = request.path_params["id"]
    if not _ID.fullmatch(upload_id):
        raise InvalidInput("Invalid upload id", hint="Use the Location that creating the upload gave.")
    return upload_id


def _question(upload: Upload) -> Question:
    return Question(
        op="upsert" if upload.upsert else "upload",
        bucket_id=upload.bucket_id,
        name=upload.name,
        size_bytes=upload.size_bytes or 0,
        mime_type=upload.mime_type,
    )
