"""The front door of the brain: what can be asked of storage, whichever door the request came in by."""

from dataclasses import dataclass

from aerostore.service.bucket import Buckets
from aerostore.service.description import Descriptions
from aerostore.service.download import Downloads
from aerostore.service.file import Files
from aerostore.service.folder import Folders
from aerostore.service.job import Jobs
from aerostore.service.listing import Listing
from aerostore.service.multipart import MultipartUploads
from aerostore.service.resumable import ResumableUploads
from aerostore.service.search import Search
from aerostore.service.signed_url import SignedUrls
from aerostore.service.tag import Tags
from aerostore.service.zip import Archives


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStorage:
    """Buckets, writing and reading files, lists of files, uploads in several requests, tags, signed URLs.

    And what is about many at once or takes long: folders, jobs, searches, archives.
    """

    buckets: Buckets
    files: Files
    downloads: Downloads
    listing: Listing
    resumable: ResumableUploads
    multipart: MultipartUploads
    tags: Tags
    signed_urls: SignedUrls
    folders: Folders
    jobs: Jobs
    search: Search
    descriptions: Descriptions
    archives: Archives
