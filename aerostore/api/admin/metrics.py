"""What the server did, for plots."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aerostore.api.caller import Callers
from aerostore.api.rest.query import read_query
from aerostore.api.rest.schema import Field
from aerostore.api.rest.wire import json_response
from aerostore.domain import JsonObject
from aerostore.service.metrics import RANGES, Metrics, Plots

_QUERY = {"range": Field(kind="string", required=True, choices=tuple(RANGES))}


class MetricsDoor:
    """Shows what was measured."""

    def __init__(self, callers: Callers, metrics: Metrics) -> None:
        self._callers = callers
        self._metrics = metrics

    def routes(self) -> list[Route]:
        """List the routes; each is named after its operation."""
        return [Route("/metrics/range", self.show, methods=["GET"], name="admin.metrics.get")]

    async def show(self, request: Request) -> Response:
        """GET /metrics/range."""
        context = await self._callers.required(request)
        range = read_query(request, _QUERY)["range"]
        return json_response({"range": range, **_plots_json(await self._metrics.plots(context, range))})


def _plots_json(plots: Plots) -> JsonObject:
    return {
        "step_s": plots.step_s,
        "times": plots.times,
        "requests_per_s": plots.requests,
        "latency_ms": plots.latency_ms,
        "bytes_per_s": {"in": plots.bytes_in, "out": plots.bytes_out},
        "uploads_active": plots.uploads,
        "errors_per_s": plots.errors,
        "storage": [
            {
                "bucket": each.bucket_id,
                "objects": each.objects,
                "size_bytes": each.size_bytes,
                "complete": each.complete,
            }
            for each in plots.storage
        ],
    }
