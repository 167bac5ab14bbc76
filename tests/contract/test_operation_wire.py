"""The endpoints that operators watch."""

import httpx
import pytest

from .client import put_object


def test_status_is_empty_and_open(nobody: httpx.Client) -> None:
    answer = nobody.get("/status")
    assert (answer.status_code, answer.content) == (200, b"")


def test_version_is_plain_text_and_open(nobody: httpx.Client) -> None:
    answer = nobody.get("/version")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.strip()


def test_health_probes_the_parts(service: httpx.Client) -> None:
    answer = service.get("/health")
    assert (answer.status_code, answer.json()["healthy"]) == (200, True)


def test_metrics_count_uploads_and_downloads(service: httpx.Client, bucket: str) -> None:
    put_object(service, bucket, "a.txt", b"counted")
    text = service.get("/metrics").text
    assert "storage_upload_total" in text
    assert "storage_download_total" in text


def test_metrics_hold_no_object_names(service: httpx.Client, bucket: str) -> None:
    put_object(service, bucket, "very-private-name.txt")
    assert "very-private-name" not in service.get("/metrics").text


@pytest.mark.parametrize("path", ["/status", "/version", "/bucket", "/health"])
def test_get_routes_answer_head(service: httpx.Client, path: str) -> None:
    answer = service.head(path)
    assert (answer.status_code, answer.content) == (200, b"")


def test_description_names_the_routes(service: httpx.Client) -> None:
    answer = service.get("/openapi.json")
    assert answer.status_code == 200
    description = answer.json()
    assert description["openapi"].startswith("3.")
    assert any("/object/" in path for path in description["paths"])
