"""Which policies are in force, and what they come to."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aerostore.api.caller import Callers
from aerostore.api.rest.wire import json_response
from aerostore.domain import JsonObject
from aerostore.service.law_listing import OPERATIONS, ROLES, LawListing, WrittenPolicy


class PolicyDoor:
    """Shows policies."""

    def __init__(self, callers: Callers, law: LawListing) -> None:
        self._callers = callers
        self._law = law

    def routes(self) -> list[Route]:
        """List the routes; each is named after its operation."""
        return [
            Route("/policies", self.list, methods=["GET"], name="admin.policy.list"),
            Route("/policies/coverage", self.coverage, methods=["GET"], name="admin.policy.coverage"),
        ]

    async def list(self, request: Request) -> Response:
        """GET /policies."""
        policies = await self._law.policies(await self._callers.required(request))
        return json_response({"policies": [_policy_json(each) for each in policies]})

    async def coverage(self, request: Request) -> Response:
        """GET /policies/coverage."""
        context = await self._callers.required(request)
        cells = await self._law.coverage(context, request.query_params.getlist("bucket"))
        return json_response(
            {
                "roles": ROLES,
                "operations": OPERATIONS,
                "cells": [
                    {
                        "bucket": each.bucket_id,
                        "role": each.role,
                        "operation": each.operation,
                        "verdict": each.verdict,
                    }
                    for each in cells
                ],
            }
        )


def _policy_json(policy: WrittenPolicy) -> JsonObject:
    return {
        "table": policy.table,
        "name": policy.name,
        "command": policy.command,
        "roles": policy.roles,
        "is_permissive": policy.permissive,
        "using": policy.using,
        "with_check": policy.with_check,
        "source": policy.text,
        "file": policy.path,
        "line": policy.line,
        "reason": policy.comment,
    }
