"""Checks of the network: the port, who can reach it, and where webhooks go."""

import asyncio
import errno
import socket
from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx

import aerostore
from aerostore.doctor.finding import Finding, fail, ok, warn
from aerostore.events.address import is_public, resolve_host
from aerostore.settings import Settings

_ANSWER_TIMEOUT_S = 2.0


def find_address(host: str, port: int) -> str:
    """Return the numeric address to listen on. Raises: OSError when there is none or its port is taken.

    Two servers of one user can listen on one port (SO_REUSEPORT) and share its connections at random:
    the server itself would not notice.
    """
    try:
        family, kind, _protocol, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except UnicodeError as exc:
        raise OSError(errno.EINVAL, "not a host name") from exc
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
    return str(address[0])


def check_port(settings: Settings, *, server_url: str) -> Finding:
    """Look whether the port is free, or an aerostore answers at `server_url`."""
    place = f"{settings.host}:{settings.port}"
    try:
        find_address(settings.host, settings.port)
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            return _question_server(place, server_url)
        return fail(f"{place}: {exc.strerror}", "Choose another AEROSTORE_HOST or AEROSTORE_PORT.")
    return ok(f"{place} is free")


def _question_server(place: str, url: str) -> Finding:
    try:
        with httpx.Client(trust_env=False, timeout=_ANSWER_TIMEOUT_S) as client:
            version = client.get(f"{url}/version").raise_for_status().text
            healthy = client.get(f"{url}/health").raise_for_status().json()["healthy"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return fail(
            f"{place} is taken by another program",
            "Stop it, or choose another AEROSTORE_PORT.",
        )
    found = f"aerostore {version[:40]} answers at {url}"
    if healthy is not True:
        return fail(f"{found} and is not healthy", "Its log tells why: look for errors of the database.")
    if version != aerostore.__version__:
        return warn(f"{found}, this is {aerostore.__version__}", "Restart it to run the installed version.")
    return ok(f"{found} and is healthy")


def check_exposure(settings: Settings) -> Finding:
    """Look who can reach the server."""
    try:
        addresses = asyncio.run(resolve_host(settings.host, settings.port))
    except (OSError, UnicodeError):
        return warn(f"{settings.host} has no address", "Choose another AEROSTORE_HOST.")
    if all(ip_address(address).is_loopback for address in addresses):
        return ok(f"{settings.host}: this machine only")
    return warn(
        f"{settings.host}: other machines can connect, and aerostore speaks plain HTTP",
        "Put a proxy in front that ends TLS. It must set X-Forwarded-For itself, not pass on what a client"
        " sent: a request from this machine without that header may read the metrics.",
    )


def check_webhook(settings: Settings) -> Finding:
    """Look whether the receiver of events can be sent to, and can trust what it gets."""
    if not settings.webhook_url:
        return ok("none")
    try:
        scheme, host, port = _parse_url(settings.webhook_url)
    except ValueError:
        return fail(
            "its URL cannot be used", "AEROSTORE_WEBHOOK_URL is http(s)://host/path, without a password."
        )
    try:
        addresses = asyncio.run(resolve_host(host, port))
    except (OSError, UnicodeError):
        return warn(f"{host} has no address now", "Check the name and this machine's DNS.")
    private = [address for address in addresses if not is_public(ip_address(address))]
    if private and not settings.webhook_allow_private:
        return fail(
            f"{host} is {private[0]}, which is not public: deliveries are refused",
            "Set AEROSTORE_WEBHOOK_ALLOW_PRIVATE=true when that address is meant.",
        )
    if not settings.webhook_secret:
        return warn(f"{host} cannot tell who sent an event", "Set AEROSTORE_WEBHOOK_SECRET.")
    if scheme == "http" and not private:
        return warn(f"{host} gets events in plain text", "Use https in AEROSTORE_WEBHOOK_URL.")
    return ok(f"{host}, signed")


def _parse_url(text: str) -> tuple[str, str, int]:
    """Return scheme, host and port. Raises: ValueError for what the webhook sink would not take."""
    url = urlsplit(text)
    if url.scheme not in {"http", "https"} or not url.hostname or url.username is not None:
        raise ValueError("not a URL of a receiver")
    return url.scheme, url.hostname, url.port or (443 if url.scheme == "https" else 80)
