"""Scenario 18: the admin UI below a path of a proxy that ends TLS and speaks HTTP/2 to the browser."""

import hashlib
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.contract.client import Target, get_object, put_object
from tests.port import free_port
from tests.requirement import skip_without

from .conftest import MakeBucket, NewContext
from .support import admin_url, folder_path, picture, png, reload, visit
from .support_server import Server
from .support_watch import Watch

START_DEADLINE_S = 10.0
LARGE = random.Random(18).randbytes(7 * 1024**2)
HOSTILE = '100% sure + "q" & #1?/<b>é 日本.txt'
# `$below` is the path as the browser sent it: proxy_pass with a path of its own would decode and merge it.
CONFIGURATION = """
daemon off; master_process off; pid {folder}/pid; error_log stderr;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    map $request_uri $below {{ "~^/files(?<rest>/.*)$" $rest; }}
    server {{
        listen 127.0.0.1:{port} ssl http2;
        ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
        location /files/ {{
            proxy_pass http://127.0.0.1:{upstream}$below;
            proxy_http_version 1.1;
            proxy_set_header Host {host};
            client_max_body_size 0;
            proxy_request_buffering off;
            proxy_buffering off;
            proxy_read_timeout 75s;
        }}
    }}
}}
"""


@pytest.fixture(scope="module", params=["$http_host", "$proxy_host"], ids=["host-kept", "host-changed"])
def proxied(
    request: pytest.FixtureRequest, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
    """The server as browsers reach it: https, below /files. A proxy may tell it the Host, or its own name."""
    nginx, openssl = shutil.which("nginx"), shutil.which("openssl")
    if nginx is None or openssl is None:
        skip_without("nginx", "the admin UI behind a proxy: nginx or openssl is missing")
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    make_certificate(openssl, folder)
    configuration = folder / "nginx.conf"
    upstream = server.target.address[1]
    configuration.write_text(
        CONFIGURATION.format(folder=folder, port=port, upstream=upstream, host=request.param)
    )
    with running([nginx, "-p", str(folder), "-c", str(configuration), "-e", "stderr"], folder / "log"):
        target = replace(server.target, url=f"https://127.0.0.1:{port}/files/storage/v1")
        wait_for(target, folder / "log")
        yield target


def make_certificate(openssl: str, folder: Path) -> None:
    key = ["-newkey", "rsa:2048", "-nodes", "-keyout", str(folder / "key.pem")]
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = [openssl, "req", "-x509", *key, *name, "-days", "2", "-out", str(folder / "cert.pem")]
    subprocess.run(command, check=True, capture_output=True)


@contextmanager
def running(command: list[str], log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield
    finally:
        process.terminate()
        process.wait(START_DEADLINE_S)


def wait_for(target: Target, log: Path) -> None:
    deadline = time.monotonic() + START_DEADLINE_S
    while time.monotonic() < deadline:
        try:
            # The certificate is nobody's: it was made for this test.
            if httpx.get(f"{target.url}/status", trust_env=False, verify=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.05)  # another process: there is no clock to pass in
    pytest.fail(f"nginx did not start; its log:\n{log.read_text()}", pytrace=False)


@pytest.fixture
def visitor(new_context: NewContext, proxied: Target, watch: Watch) -> BrowserContext:
    """A browser that trusts the proxy's certificate."""
    watch.hosts.add("{}:{}".format(*proxied.address))
    return new_context(ignore_https_errors=True)


def sign_in_by_form(page: Page, proxied: Target, path: str) -> None:
    """Sign in as people do: the page itself says below which path it is."""
    visit(page, proxied, path)
    page.get_by_role("textbox", name="Service key").fill(proxied.token("service_role"))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("navigation").first).to_be_visible()


def test_the_cookie_is_secure_and_for_the_path_below_the_proxy(
    visitor: BrowserContext, proxied: Target
) -> None:
    page = visitor.new_page()
    sign_in_by_form(page, proxied, "")
    expect(page.get_by_role("heading", name="Buckets", level=1)).to_be_visible()
    (cookie,) = visitor.cookies(admin_url(proxied, "api/session"))
    assert (cookie["name"], cookie["path"]) == ("__Secure-aerostore-admin", "/files/admin")
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Strict")
    assert visitor.cookies(f"{proxied.url}/bucket") == []
    reload(page)
    expect(page.get_by_role("heading", name="Buckets", level=1)).to_be_visible()


def test_an_upload_of_several_chunks_and_its_event_come_through(
    visitor: BrowserContext, proxied: Target, service: httpx.Client, make_bucket: MakeBucket
) -> None:
    bucket = make_bucket("behind")
    page = visitor.new_page()
    sign_in_by_form(page, proxied, folder_path(bucket))
    watching = visitor.new_page()
    visit(watching, proxied, f"events?bucket={bucket}")
    expect(watching.get_by_role("status").filter(has_text="Live")).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.method == "PATCH" else None)
    page.locator("input[type=file]").first.set_input_files(
        {"name": "large.bin", "mimeType": "application/octet-stream", "buffer": LARGE}
    )
    expect(page.get_by_role("row").filter(has_text="large.bin")).to_be_visible()
    expect(watching.get_by_role("log")).to_contain_text(f"{bucket}/large.bin")
    below = admin_url(proxied, "storage/v1/upload/resumable/")
    assert len(asked) == 2
    assert all(url.startswith(below) for url in asked)
    stored = get_object(service, bucket, "large.bin").content
    assert hashlib.sha256(stored).digest() == hashlib.sha256(LARGE).digest()
    picture(page, "proxy-uploaded")


def test_a_deep_link_and_a_hostile_name_survive_the_proxy(
    visitor: BrowserContext, proxied: Target, service: httpx.Client, make_bucket: MakeBucket
) -> None:
    bucket = make_bucket("behind")
    assert put_object(service, bucket, HOSTILE, b"still here").status_code == 200
    folder, _, name = HOSTILE.partition("/")
    page = visitor.new_page()
    sign_in_by_form(page, proxied, folder_path(bucket, f"{folder}/"))
    page.get_by_role("row").filter(has_text=name).dblclick()
    expect(page.get_by_text("still here")).to_be_visible()
    reload(page)
    expect(page.get_by_text("still here")).to_be_visible()


def test_a_link_to_give_away_opens_below_the_proxy(
    visitor: BrowserContext,
    new_context: NewContext,
    proxied: Target,
    service: httpx.Client,
    make_bucket: MakeBucket,
) -> None:
    """The server cannot know its address in the browser: the page makes the link whole."""
    bucket = make_bucket("behind")
    assert put_object(service, bucket, "a b.png", png(), headers={"content-type": "image/png"}).is_success
    page = visitor.new_page()
    sign_in_by_form(page, proxied, f"{folder_path(bucket)}?preview=a%20b.png&tab=share")
    page.get_by_role("button", name="Create signed URL").click()
    signed = page.get_by_role("textbox", name="Signed URL")
    expect(signed).not_to_have_value("")
    link = signed.input_value()
    assert link.startswith(f"{proxied.url}/object/sign/{bucket}/a%20b.png?token=")
    answer = new_context(ignore_https_errors=True).request.get(link)
    assert (answer.status, answer.body()) == (200, png())
