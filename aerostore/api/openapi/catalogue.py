"""Every operation of the REST API, and the nouns they are grouped by."""

from collections.abc import Mapping

from aerostore.api.openapi.admin import ADMIN
from aerostore.api.openapi.bucket import BUCKETS
from aerostore.api.openapi.folder import FOLDERS
from aerostore.api.openapi.listing import LISTS
from aerostore.api.openapi.object import OBJECTS
from aerostore.api.openapi.operation import OperationDoc
from aerostore.api.openapi.server import SERVER
from aerostore.api.openapi.signed_url import LINKS

NOUNS: Mapping[str, str] = {
    "Buckets": "Named sets of objects with shared limits.",
    "Objects": "Write, read, copy, move and delete named bytes. Names may hold slashes.",
    "Folders": "Everything whose name begins with a prefix, at once or as a job.",
    "Lists": "What a bucket holds, as far as the caller may select it.",
    "Signed URLs": "Links that work without credentials, for one object and a limited time.",
    "Administration": "Questions of operators, for the service role.",
    "Server": "Questions about the server itself.",
}

OPERATIONS: Mapping[str, OperationDoc] = {
    **BUCKETS,
    **OBJECTS,
    **FOLDERS,
    **LISTS,
    **LINKS,
    **ADMIN,
    **SERVER,
}
"""By method and path. The routes decide what is served; this says what it is."""
