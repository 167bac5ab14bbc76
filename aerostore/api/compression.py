"""Long answers in gzip, for clients that take it. A list shrinks to a fifth and less.

Only for answers that hold nothing secret beside what others may have chosen: their length gives such a
secret away, piece by piece (BREACH). A list has names, times and checksums, and nobody can make a browser
ask for one: that takes a token in a header. Answers with signed URLs stay as they are, and so do bytes of
objects, which clients ask for in ranges.
"""

import asyncio
import gzip

from starlette.requests import Request
from starlette.responses import Response

# Below, what it saves is a packet or two, and not worth the time.
LEAST_BYTES = 16 * 1024
# The next levels take longer and save hardly more: identifiers and checksums do not shrink.
_LEVEL = 1


async def compressed(request: Request, response: Response) -> Response:
    """Return `response`, in gzip when it is long and the client takes that.

    Source: RFC 9110 section 12.5.3.
    """
    response.headers.add_vary_header("Accept-Encoding")
    if len(response.body) < LEAST_BYTES or not accepts_gzip(request.headers.getlist("accept-encoding")):
        return response
    # On a thread, beside the loop. Without a time in it, the same list has the same bytes.
    response.body = await asyncio.to_thread(gzip.compress, response.body, _LEVEL, mtime=0)
    response.headers["content-encoding"] = "gzip"
    response.headers["content-length"] = str(len(response.body))
    return response


def accepts_gzip(values: list[str]) -> bool:
    """Tell whether Accept-Encoding, in as many fields as it came, names gzip with a weight above nothing."""
    weights = dict(map(_parse_coding, ",".join(values).lower().split(",")))
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", False)))


def _parse_coding(text: str) -> tuple[str, bool]:
    """Return a coding and whether it is welcome. What is no weight counts as none given."""
    coding, _, weight = text.partition(";")
    name, _, value = weight.partition("=")
    is_refused = name.strip() == "q" and value.strip().rstrip("0") in {"", "0."} and bool(value.strip())
    return coding.strip(), not is_refused
