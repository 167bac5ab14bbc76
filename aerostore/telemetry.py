"""What operators watch: Prometheus metrics by the names in docs/reference/metrics.md, and JSON logs.

Labels are bounded: after `MAX_BUCKET_LABELS` different buckets the rest share one label.
"""

import json
import logging
from bisect import bisect_left
from datetime import UTC, datetime
from functools import partial
from typing import Any

import orjson
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from aerostore.domain import to_iso

MAX_BUCKET_LABELS = 200
OTHER_BUCKETS = "_other"
STREAM = "admin.event.follow"
"""The operation whose requests last as long as somebody watches: how long says nothing of the server."""

_LATENCY_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)


class Tally:
    """Requests as plots count them: how many by class of status, and how many within each time.

    times: as many as `bounds_s` and one more, for those that took longer than the last.
    """

    bounds_s = _LATENCY_BUCKETS_S

    def __init__(self) -> None:
        self.statuses = [0] * 6
        self.times = [0] * (len(self.bounds_s) + 1)

    def add(self, status: int, seconds: float) -> None:
        """Count one request; status: 100 to 599."""
        self.statuses[status // 100] += 1
        self.times[bisect_left(self.bounds_s, seconds)] += 1


class Telemetry:
    """The metrics of one application; `render` gives them in Prometheus text format."""

    content_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self) -> None:
        registry = CollectorRegistry()
        counter, gauge = partial(Counter, registry=registry), partial(Gauge, registry=registry)
        times = partial(Histogram, buckets=_LATENCY_BUCKETS_S, registry=registry)
        self._registry = registry
        self._buckets: set[str] = set()
        self._durations: dict[tuple[str, str, int], Histogram] = {}
        self.requests = Tally()
        self.uploads = counter("storage_upload", "Uploads by outcome.", ("bucket", "status"))
        self.downloads = counter("storage_download", "Downloads by outcome.", ("bucket", "status"))
        self.upload_bytes = counter("storage_upload_bytes", "Bytes stored by uploads.", ("bucket",))
        self.download_bytes = counter("storage_download_bytes", "Bytes handed to downloads.", ("bucket",))
        self.orphan_files = gauge(
            "storage_orphan_files_total", "Stored blobs without a row at the last scan."
        )
        self.missing_files = gauge(
            "storage_missing_files_total", "Rows whose bytes were missing at the last scan."
        )
        self.damaged_files = gauge(
            "storage_damaged_files", "Rows whose bytes are known to have another hash."
        )
        self.reclaimed_bytes = counter("storage_reclaimed_bytes", "Bytes removed by reclaim.")
        self.dead_events = gauge("storage_dead_events", "Events whose delivery was given up.")
        self.denials_dropped = counter(
            "storage_denials_dropped", "Refusals that were not kept for explanation: too many at once."
        )
        self.jobs = counter("storage_jobs", "Jobs that ended, by outcome.", ("kind", "state"))
        self.jobs_running = gauge("storage_jobs_running", "Jobs that this process works on now.")
        self.backend_latency = times(
            "storage_backend_latency_seconds", "Time of one backend call.", ("operation", "backend")
        )
        self.request_duration = times(
            "http_request_duration_seconds",
            "Time from the first byte of a request to the last byte of its response.",
            ("method", "operation", "status_code"),
        )
        self.requests_in_flight = gauge("http_requests_in_flight", "Requests being served now.")

    def bucket_label(self, bucket_id: str) -> str:
        """Return `bucket_id` as a label while there are few buckets, else the label shared by the rest."""
        if bucket_id in self._buckets:
            return bucket_id
        if len(self._buckets) >= MAX_BUCKET_LABELS:
            return OTHER_BUCKETS
        self._buckets.add(bucket_id)
        return bucket_id

    def backend_call(self, operation: str, backend: str, seconds: float) -> None:
        """Record how long one backend call took."""
        self.backend_latency.labels(operation, backend).observe(seconds)

    def request_ended(self, method: str, operation: str, status: int, seconds: float) -> None:
        """Record how long a request took. method, operation: from short lists, as labels are."""
        duration = self._durations.get((method, operation, status))
        if duration is None:
            duration = self.request_duration.labels(method, operation, str(status))
            self._durations[method, operation, status] = duration
        duration.observe(seconds)
        if operation != STREAM:
            self.requests.add(status, seconds)

    def bytes_in(self) -> float:
        """Return how many bytes uploads have stored since the process began."""
        return _total(self.upload_bytes)

    def bytes_out(self) -> float:
        """Return how many bytes were handed to downloads since the process began."""
        return _total(self.download_bytes)

    def render(self) -> bytes:
        """Return every metric in Prometheus text format 0.0.4."""
        return generate_latest(self._registry)


def _total(counter: Counter) -> float:
    """Return a counter's sum over all of its labels."""
    samples = (sample for metric in counter.collect() for sample in metric.samples)
    return sum(sample.value for sample in samples if sample.name.endswith("_total"))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message and the record's `facts`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return `record` as one line; control characters are escaped by JSON."""
        line: dict[str, Any] = {
            "time": to_iso(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update(getattr(record, "facts", {}))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _to_text(line)


def _to_text(line: dict[str, Any]) -> str:
    """Return a line as JSON of printable ASCII, whatever is in it: a terminal must not obey it."""
    try:
        text = orjson.dumps(line, default=str)
    except orjson.JSONEncodeError:  # a lone surrogate, or a number beyond 64 bits
        return json.dumps(line, default=str)
    is_harmless = text.isascii() and b"\x7f" not in text
    return text.decode() if is_harmless else json.dumps(line, default=str)
