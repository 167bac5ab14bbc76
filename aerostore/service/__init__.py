"""The front door of the brain: what can be asked of storage, whichever door the request came in by."""

from dataclasses import dataclass

from aerostore.service.bucket import Buckets
from aerostore.service.download import Downloads
from aerostore.service.file import Files
from aerostore.service.listing import Listing
from aerostore.service.multipart import MultipartUploads
from aerostore.service.resumable import ResumableUploads
from aerostore.service.signed_url import SignedUrls
from aerostore.service.tag import Tags


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStorage:
    """Buckets, writing and reading files, lists of files, uploads in several requests, tags, signed URLs."""

    buckets: Buckets
    files: Files
    downloads: Downloads
    listing: Listing
    resumable: ResumableUploads
    multipart: MultipartUploads
    tags: Tags
    signed_urls: SignedUrls
