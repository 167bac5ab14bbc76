"""Routes under /folder and /job: folders as a whole, and what takes longer than a request."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aerostore.api.caller import QUESTION, Callers
from aerostore.api.job_wire import job_json
from aerostore.api.rest.body import read_json
from aerostore.api.rest.schema import Field
from aerostore.api.rest.wire import json_response
from aerostore.errors import AccessDenied
from aerostore.service import FileStorage
from aerostore.service.audit import Audit
from aerostore.service.folder_request import (
    COPY,
    DELETE,
    MOVE,
    OnConflict,
    folder_request,
)
from aerostore.service.question import Question

DELETE_BODY = {
    "bucket": Field(kind="string", required=True),
    "prefix": Field(kind="string", required=True),
}
TRANSFER_BODY = {
    **DELETE_BODY,
    "to_bucket": Field(kind="string", nullable=True),
    "to_prefix": Field(kind="string", required=True),
    "conflict": Field(kind="string", choices=tuple(OnConflict)),
}
_BODIES = {MOVE: TRANSFER_BODY, COPY: TRANSFER_BODY, DELETE: DELETE_BODY}
ACCEPTED = 202


class FolderDoor:
    """Parses requests about folders and jobs, asks the service, renders its answers."""

    def __init__(
        self, storage: FileStorage, callers: Callers, audit: Audit, *, body_timeout_s: float
    ) -> None:
        self._folders = storage.folders
        self._jobs = storage.jobs
        self._callers = callers
        self._audit = audit
        self._body_timeout_s = body_timeout_s

    def routes(self) -> list[Route]:
        """List the routes; each is named after its operation."""
        return [
            Route("/folder/move", self.move, methods=["POST"], name="storage.folder.move"),
            Route("/folder/copy", self.copy, methods=["POST"], name="storage.folder.copy"),
            Route("/folder/delete", self.delete, methods=["POST"], name="storage.folder.delete"),
            Route("/job/{id}", self.get_job, methods=["GET"], name="storage.job.get"),
            Route("/job/{id}", self.cancel_job, methods=["DELETE"], name="storage.job.cancel"),
        ]

    async def move(self, request: Request) -> Response:
        """POST /folder/move."""
        return await self.start(request, MOVE)

    async def copy(self, request: Request) -> Response:
        """POST /folder/copy."""
        return await self.start(request, COPY)

    async def delete(self, request: Request) -> Response:
        """POST /folder/delete."""
        return await self.start(request, DELETE)

    async def start(self, request: Request, kind: str) -> Response:
        """Begin what the body asks for; a small folder is done when this answers."""
        body: dict[str, Any] = await read_json(request, _BODIES[kind], self._body_timeout_s)
        context = await self._callers.required(request)
        asked = folder_request(kind, body)
        # Of an empty folder the question is what the caller sees there.
        request.scope[QUESTION] = Question(op="list", bucket_id=asked.bucket_id, name=asked.prefix)
        try:
            job = await self._folders.start(context, asked)
        except AccessDenied as refusal:
            bucket_id, _, name = (refusal.resource or "").partition("/")
            request.scope[QUESTION] = asked.question_about(bucket_id, name)
            raise
        self._audit.note_by(context, "job.started", job=job.id, kind=kind)
        response = json_response({"job": job_json(job)})
        response.status_code = ACCEPTED
        return response

    async def get_job(self, request: Request) -> Response:
        """GET, HEAD /job/{id}."""
        context = await self._callers.required(request)
        return json_response({"job": job_json(await self._jobs.get(context, request.path_params["id"]))})

    async def cancel_job(self, request: Request) -> Response:
        """DELETE /job/{id}."""
        await read_json(request, {}, self._body_timeout_s, optional=True)
        context = await self._callers.required(request)
        job = await self._jobs.cancel(context, request.path_params["id"])
        self._audit.note_by(context, "job.cancelled", job=job.id, kind=job.kind)
        return json_response({"job": job_json(job)})
