"""Jobs: what is under way and what has ended, and those of operators begun."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aerostore.api.admin.explain import asked_json
from aerostore.api.caller import Callers
from aerostore.api.job_wire import job_json
from aerostore.api.rest.body import read_json
from aerostore.api.rest.query import read_query
from aerostore.api.rest.schema import Field
from aerostore.api.rest.wire import json_response
from aerostore.domain import Job, JobState, JsonObject, has_control_character
from aerostore.errors import InvalidParameter
from aerostore.service.audit import Audit
from aerostore.service.folder_request import KINDS as FOLDER_KINDS
from aerostore.service.folder_request import folder_request
from aerostore.service.job import JobQuery, Jobs
from aerostore.service.maintenance import RECLAIM, SCRUB, Maintenance

KINDS = (*FOLDER_KINDS, RECLAIM, SCRUB)
_COLUMNS = ("kind", "bucket", "name", "key", "size_bytes", "since", "reason")
_QUERY = {
    "kind": Field(kind="string", choices=KINDS),
    "state": Field(kind="string", choices=tuple(JobState)),
    "limit": Field(kind="integer", minimum=1, maximum=200),
    "cursor": Field(kind="string"),
}
_REPORT_QUERY = {"format": Field(kind="string", choices=("json", "csv"))}
_RECLAIM_BODY = {"apply": Field(kind="boolean", required=True)}
_ACCEPTED = 202


class JobDoor:
    """Shows jobs to those who may see them, and begins those of operators."""

    def __init__(
        self,
        callers: Callers,
        jobs: Jobs,
        maintenance: Maintenance,
        audit: Audit,
        *,
        body_timeout_s: float,
    ) -> None:
        self._callers = callers
        self._jobs = jobs
        self._maintenance = maintenance
        self._audit = audit
        self._body_timeout_s = body_timeout_s

    def routes(self) -> list[Route]:
        """List the routes, fixed words before ids; each is named after its operation."""
        return [
            Route("/jobs", self.list, methods=["GET"], name="storage.job.list"),
            Route("/jobs/reclaim", self.reclaim, methods=["POST"], name="admin.job.reclaim"),
            Route("/jobs/scrub", self.scrub, methods=["POST"], name="admin.job.scrub"),
            Route("/jobs/{id}", self.get, methods=["GET"], name="storage.job.get"),
            Route("/jobs/{id}/cancel", self.cancel, methods=["POST"], name="storage.job.cancel"),
            Route("/jobs/{id}/report", self.report, methods=["GET"], name="storage.job.get"),
        ]

    async def list(self, request: Request) -> Response:
        """GET /jobs."""
        context = await self._callers.required(request)
        given = read_query(request, _QUERY)
        if "state" in given:
            given["state"] = JobState(given["state"])
        if has_control_character(given.get("cursor", "")):
            raise InvalidParameter("Invalid cursor", hint="Send the cursor of the page before as it is.")
        jobs, cursor = await self._jobs.list(context, JobQuery(**given))
        return json_response({"jobs": [job_json(job) for job in jobs], "cursor": cursor})

    async def get(self, request: Request) -> Response:
        """GET /jobs/{id}."""
        return json_response({"job": job_json(await self._find(request))})

    async def cancel(self, request: Request) -> Response:
        """POST /jobs/{id}/cancel."""
        context = await self._callers.required(request)
        job = await self._jobs.cancel(context, request.path_params["id"])
        self._audit.note_by(context, "job.cancelled", job=job.id, kind=job.kind)
        return json_response({"job": job_json(job)})

    async def report(self, request: Request) -> Response:
        """GET /jobs/{id}/report."""
        job = await self._find(request)
        entries = job.report.get("entries", ())
        if read_query(request, _REPORT_QUERY).get("format") == "csv":
            return _csv_response(job, [_entry_json(each) for each in entries])
        return json_response(
            {
                "job": job_json(job),
                "counters": job.report.get("counters", {}),
                "refused": job.report.get("refused", ""),
                "entries": [_entry_json(each) | {"explain": _asked_of(job, each)} for each in entries],
                "complete": job.report.get("complete", True),
            }
        )

    async def reclaim(self, request: Request) -> Response:
        """POST /jobs/reclaim."""
        context = await self._callers.required(request)
        body = await read_json(request, _RECLAIM_BODY, self._body_timeout_s)
        job = await self._maintenance.start_reclaim(context, apply=body["apply"])
        self._audit.note_by(context, "job.started", job=job.id, kind=job.kind, apply=body["apply"])
        return _accepted(job)

    async def scrub(self, request: Request) -> Response:
        """POST /jobs/scrub."""
        context = await self._callers.required(request)
        await read_json(request, {}, self._body_timeout_s, optional=True)
        job = await self._maintenance.start_scrub(context)
        self._audit.note_by(context, "job.started", job=job.id, kind=job.kind)
        return _accepted(job)

    async def _find(self, request: Request) -> Job:
        return await self._jobs.get(await self._callers.required(request), request.path_params["id"])


def _accepted(job: Job) -> Response:
    response = json_response({"job": job_json(job)})
    response.status_code = _ACCEPTED
    return response


def _entry_json(entry: Mapping[str, Any]) -> JsonObject:
    return {name: entry.get(name) for name in _COLUMNS}


def _asked_of(job: Job, entry: Mapping[str, Any]) -> JsonObject | None:
    """Return what to ask of `explain` about an entry; None when it tells of no refusal."""
    if job.kind not in FOLDER_KINDS or entry["kind"] != "refused":
        return None
    question = folder_request(job.kind, job.request).question_about(entry["bucket"], entry["name"])
    return asked_json(question) if question else None


def _csv_response(job: Job, entries: Sequence[JsonObject]) -> Response:
    text = io.StringIO()
    rows = csv.DictWriter(text, _COLUMNS)
    rows.writeheader()
    rows.writerows({name: _cell(value) for name, value in entry.items()} for entry in entries)
    headers = {
        "content-disposition": f'attachment; filename="{job.kind}-{job.id}.csv"',
        "cache-control": "no-store",
    }
    return Response(text.getvalue(), headers=headers, media_type="text/csv; charset=utf-8")


def _cell(value: Any) -> Any:
    """Return a value that no spreadsheet takes for a formula: names are whatever a client chose."""
    is_formula = isinstance(value, str) and value.startswith(("=", "+", "-", "@"))
    return f"'{value}" if is_formula else value
