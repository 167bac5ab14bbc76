"""What operators watch: Prometheus metrics by the names in docs/reference/metrics.md, and JSON logs.

Labels are bounded: after `MAX_BUCKET_LABELS` different buckets the rest share one label.
"""

import json
import logging
from datetime import UTC, datetime
from typing import Any

import orjson
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from aerostore.domain import to_iso

MAX_BUCKET_LABELS = 200
OTHER_BUCKETS = "_other"
_LATENCY_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)


class Telemetry:
    """The metrics of one application; `render` gives them in Prometheus text format."""

    content_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._registry = registry
        self._buckets: set[str] = set()
        self._durations: dict[tuple[str, str, int], Histogram] = {}
        self.uploads = Counter(
            "storage_upload", "Uploads by outcome.", ("bucket", "status"), registry=registry
        )
        self.downloads = Counter(
            "storage_download", "Downloads by outcome.", ("bucket", "status"), registry=registry
        )
        self.upload_bytes = Counter(
            "storage_upload_bytes", "Bytes stored by uploads.", ("bucket",), registry=registry
        )
        self.download_bytes = Counter(
            "storage_download_bytes", "Bytes handed to downloads.", ("bucket",), registry=registry
        )
        self.orphan_files = Gauge(
            "storage_orphan_files_total", "Stored blobs without a row at the last scan.", registry=registry
        )
        self.missing_files = Gauge(
            "storage_missing_files_total",
            "Rows whose bytes were missing at the last scan.",
            registry=registry,
        )
        self.damaged_files = Gauge(
            "storage_damaged_files", "Rows whose bytes are known to have another hash.", registry=registry
        )
        self.reclaimed_bytes = Counter(
            "storage_reclaimed_bytes", "Bytes removed by reclaim.", registry=registry
        )
        self.dead_events = Gauge(
            "storage_dead_events", "Events whose delivery was given up.", registry=registry
        )
        self.denials_dropped = Counter(
            "storage_denials_dropped",
            "Refusals that were not kept for explanation: too many at once.",
            registry=registry,
        )
        self.backend_latency = Histogram(
            "storage_backend_latency_seconds",
            "Time of one backend call.",
            ("operation", "backend"),
            buckets=_LATENCY_BUCKETS_S,
            registry=registry,
        )
        self.request_duration = Histogram(
            "http_request_duration_seconds",
            "Time from the first byte of a request to the last byte of its response.",
            ("method", "operation", "status_code"),
            buckets=_LATENCY_BUCKETS_S,
            registry=registry,
        )
        self.requests_in_flight = Gauge(
            "http_requests_in_flight", "Requests being served now.", registry=registry
        )

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

    def render(self) -> bytes:
        """Return every metric in Prometheus text format 0.0.4."""
        return generate_latest(self._registry)


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
