"""One `FileStorage` from its parts: for the application, for a rehearsal, for tests."""

from dataclasses import dataclass

from aerostore.backend import BlobBackend
from aerostore.domain import Clock, UploadProtocol
from aerostore.executor import Executor
from aerostore.service import FileStorage
from aerostore.service.bucket import Buckets
from aerostore.service.download import Downloads
from aerostore.service.file import Files
from aerostore.service.listing import Listing
from aerostore.service.multipart import MultipartUploads
from aerostore.service.outbox import Outbox
from aerostore.service.publish import Publisher
from aerostore.service.resumable import ResumableUploads
from aerostore.service.signed_url import LinkSigner, SignedUrls
from aerostore.service.tag import Tags
from aerostore.service.turn import Turns
from aerostore.service.upload import UploadSessions
from aerostore.telemetry import Telemetry


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the server's own settings bound: sizes in bytes, times in seconds.

    empty_at_most: objects that one request to empty a bucket deletes. The lifetimes are how long an upload is
    kept that nobody goes on with.
    """

    file_size_limit: int
    empty_at_most: int
    upload_url_expires_in_s: int = 7200
    resumable_lifetime_s: int = 24 * 3600
    multipart_lifetime_s: int = 7 * 24 * 3600


def file_storage(
    executor: Executor,
    backend: BlobBackend,
    outbox: Outbox,
    signer: LinkSigner,
    limits: Limits,
    *,
    clock: Clock,
    telemetry: Telemetry,
) -> FileStorage:
    """Connect the operations with rows and bytes."""
    publisher = Publisher(
        executor,
        backend,
        outbox,
        clock=clock,
        telemetry=telemetry,
        file_size_limit=limits.file_size_limit,
    )
    files = Files(executor, backend, outbox, publisher, clock=clock)
    tus = UploadSessions(executor, UploadProtocol.TUS, clock=clock, lifetime_s=limits.resumable_lifetime_s)
    s3 = UploadSessions(executor, UploadProtocol.S3, clock=clock, lifetime_s=limits.multipart_lifetime_s)
    return FileStorage(
        buckets=Buckets(
            executor,
            outbox,
            clock=clock,
            file_size_limit=limits.file_size_limit,
            empty_at_most=limits.empty_at_most,
        ),
        files=files,
        downloads=Downloads(executor, backend, telemetry=telemetry),
        listing=Listing(executor),
        resumable=ResumableUploads(tus, Turns(executor, backend), publisher),
        multipart=MultipartUploads(s3, executor, backend, publisher, clock=clock),
        tags=Tags(executor),
        signed_urls=SignedUrls(executor, files, signer, upload_expires_in_s=limits.upload_url_expires_in_s),
    )
