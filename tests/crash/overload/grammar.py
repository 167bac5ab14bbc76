"""What requests may be made of: paths, headers, query strings, bodies, forms and tokens."""

import base64
import json

from hypothesis import strategies as st

BUCKET = "grammar"

bits = st.sampled_from


def joined(*pieces: str, most: int = 8) -> st.SearchStrategy[str]:
    return st.lists(bits(pieces), max_size=most).map("".join)


paths = joined(
    "a",
    "b.txt",
    "/",
    "//",
    ".",
    "..",
    "%",
    "%2",
    "%2e",
    "%2F",
    "%252e",
    "%00",
    "%0a",
    "%7f",
    "%c3%a4",
    "%c3",
    "%ff",
    "%ed%a0%80",
    "%f0%9f%92%a9",
    "%E2%80%AE",
    "?",
    "#",
    ";",
    "=",
    "&",
    "+",
    "\\",
    "~",
    "*",
    "'",
    '"',
    "<",
    "|",
    "x" * 300,
)
places = st.integers(-5, 40) | bits(["", " 1", "9" * 19, "9" * 30, "9" * 5000, "0x1", "\xb2"])
ranges = st.one_of(
    st.builds("bytes={}-{}".format, places, places),
    joined("bytes", "bytes=", "0", "9", "-", ",", " ", "\t", "*", "9" * 30, "9" * 5000, "units", "=", "\xff"),
)
tags = joined('"', "W/", "*", ",", "a" * 64, " ", "\\", "\x80", '"a"', '"",', ";")
dates = joined(
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "Sun",
    ",",
    "99",
    "Nov",
    "-",
    "0001",
    "99999999999",
    ":",
    "+9999",
    " GMT",
    "31 Feb 2026 ",
)
conditions = st.lists(
    st.one_of(
        st.tuples(bits(["Range", "range", "If-Range"]), ranges),
        st.tuples(bits(["If-Match", "If-None-Match", "If-Range"]), tags),
        st.tuples(bits(["If-Modified-Since", "If-Unmodified-Since", "If-Range"]), dates),
    ),
    max_size=4,
)
values = joined(
    "a",
    "1",
    "-1",
    "9" * 20,
    "9" * 5000,
    "true",
    "null",
    "%00",
    "%ff",
    "%ed%a0%80",
    "1e400",
    "NaN",
    "\u00e4",
    "[]",
    " ",
)
queries = st.lists(
    st.tuples(
        bits(
            [
                "limit",
                "offset",
                "search",
                "sortColumn",
                "sortOrder",
                "download",
                "token",
                "expires",
                "a",
                "limit[]",
            ]
        ),
        values,
    ),
    max_size=5,
).map(lambda given: "&".join(f"{name}={value}" for name, value in given))
numbers = st.one_of(st.integers(), st.floats(), st.sampled_from([10**400, -(10**25), 2**53, 2**63, 1e308]))
texts = st.text(max_size=20) | bits(
    ["asc", "desc", "name", "created_at", "\ud800", "\x00", "%", "_", "../", "a/", "x" * 2000]
)
leaves = st.none() | st.booleans() | numbers | texts
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
fields = bits(
    [
        "prefix",
        "limit",
        "offset",
        "search",
        "sortBy",
        "column",
        "order",
        "cursor",
        "with_delimiter",
        "prefixes",
        "paths",
        "expiresIn",
        "bucketId",
        "sourceKey",
        "destinationKey",
        "destinationBucket",
        "copyMetadata",
        "metadata",
        "name",
        "id",
        "public",
        "file_size_limit",
        "allowed_mime_types",
        "type",
        "role",
        "claims",
        "op",
        "bucket",
    ]
)
json_bodies = st.one_of(
    st.dictionaries(fields, trees, max_size=6).map(
        lambda tree: json.dumps(tree).encode("utf-8", "surrogatepass")
    ),
    st.binary(max_size=60),
    joined(
        "{", "}", "[", "]", ":", ",", '"a"', '"', "\\u", "1", "-", "e", "9" * 400, "null", "\\ud800", "\x01"
    ).map(str.encode),
)
json_routes = bits(
    [
        ("POST", "/bucket"),
        ("PUT", "/bucket/none"),
        ("POST", f"/object/list/{BUCKET}"),
        ("POST", f"/object/list-v2/{BUCKET}"),
        ("POST", f"/object/sign/{BUCKET}"),
        ("POST", f"/object/sign/{BUCKET}/a"),
        ("DELETE", f"/object/{BUCKET}"),
        ("POST", "/object/copy"),
        ("POST", "/object/move"),
        ("POST", "/admin/explain"),
        ("POST", "/bucket/none/empty"),
    ]
)
forms = joined(
    "--b",
    "--b--",
    "\r\n",
    "\r\n",
    "\n",
    "\r",
    "\r\n\r\n",
    'Content-Disposition: form-data; name="file"; filename="x"\r\n',
    'Content-Disposition: form-data; name="metadata"\r\n',
    'Content-Disposition: form-data; name="cacheControl"\r\n',
    "Content-Disposition: form-data; name*=utf-8''%ff; filename*=x''%\r\n",
    "Content-Disposition: attachment\r\n",
    "Content-Type: multipart/mixed; boundary=c\r\n",
    "Content-Type: text/html\r\n",
    "Content-Transfer-Encoding: base64\r\n",
    "Content-Disposition",
    ":",
    ";",
    "=",
    '"',
    "\\",
    "\x00",
    "\xff",
    "{}",
    '{"a":1}',
    "--",
    "b",
    "content",
    most=16,
)
form_types = joined(
    "multipart/form-data",
    ";",
    " ",
    "boundary=b",
    "boundary=",
    '"b"',
    "b" * 80,
    "charset=utf-8",
    "\\",
    '"',
    ",",
    "b",
)


def encoded(part: object) -> str:
    text = part if isinstance(part, bytes) else json.dumps(part).encode("utf-8", "surrogatepass")
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


claims = st.dictionaries(
    bits(["role", "sub", "exp", "nbf", "iat", "aud", "iss", "kid", "a"]), trees, max_size=5
)
jwt_heads = st.dictionaries(
    bits(["alg", "typ", "kid", "crit", "zip", "jku", "x5u", "b64"]),
    trees | bits(["none", "HS256", "RS256", "EdDSA", "JWT"]),
    max_size=4,
)
tokens = st.one_of(
    st.builds(
        lambda head, payload, signature: ".".join([encoded(head), encoded(payload), signature]),
        jwt_heads | st.binary(max_size=20),
        claims | st.binary(max_size=20),
        bits(["", "AA", "." * 5, "=" * 4, "-_" * 20]),
    ),
    joined("Bearer ", "bearer", ".", "..", "eyJhbGciOiJIUzI1NiJ9", "=", " ", "\xff", "e30", "a" * 3000),
)
