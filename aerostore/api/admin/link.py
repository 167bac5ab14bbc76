"""Signed URLs as the admin UI needs them: ready to use, percent-encoded, for the page and to give away."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aerostore.api.caller import QUESTION, Callers
from aerostore.api.gate import BASE_PATH
from aerostore.api.rest.body import read_json
from aerostore.api.rest.schema import Field
from aerostore.api.rest.wire import json_response
from aerostore.domain import to_iso
from aerostore.service.question import Question
from aerostore.service.signed_url import SignedUrls

LINK_BODY = {
    "bucket": Field(kind="string", required=True),
    "name": Field(kind="string", required=True),
    "expires_in_s": Field(kind="integer", minimum=1, required=True),
    "download": Field(kind="string"),
}


class LinkDoor:
    """Signs one object. public_url: where clients reach the server; empty when it is not known."""

    def __init__(
        self, callers: Callers, links: SignedUrls, *, public_url: str, body_timeout_s: float
    ) -> None:
        self._callers = callers
        self._links = links
        # Without a public URL the page tells: the storage is beside /admin, wherever that is.
        self._public_base = f"{public_url.rstrip('/')}{BASE_PATH}" if public_url else f"..{BASE_PATH}"
        self._body_timeout_s = body_timeout_s

    def routes(self) -> list[Route]:
        """List the routes; each is named after its operation."""
        return [Route("/objects/sign", self.sign, methods=["POST"], name="storage.object.sign")]

    async def sign(self, request: Request) -> Response:
        """POST /objects/sign."""
        body = await read_json(request, LINK_BODY, self._body_timeout_s)
        context = await self._callers.required(request)
        bucket, name = body["bucket"], body["name"]
        request.scope[QUESTION] = Question(op="sign", bucket_id=bucket, name=name)
        token = await self._links.sign(context, bucket, name, expires_in_s=body["expires_in_s"])
        link = self._links.verify_download(token, bucket, name)
        below = _path_below(bucket, name, token, body.get("download"))
        return json_response(
            {
                "url": f"{self._public_base}{below}",
                "path": f"{BASE_PATH[1:]}{below}",
                "expires_at": to_iso(link.expires_at),
            }
        )


def _path_below(bucket: str, name: str, token: str, download: str | None) -> str:
    """Return path and query below /storage/v1, percent-encoded (RFC 3986 section 2.1)."""
    saved_as = "" if download is None else f"&download={quote(download, safe='')}"
    return f"/object/sign/{quote(bucket, safe='')}/{quote(name)}?token={token}{saved_as}"
