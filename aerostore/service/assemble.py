"""One `FileStorage` from its parts: for the application, for a rehearsal, for tests."""

from dataclasses import dataclass

from aerostore.backend import BlobBackend
from aerostore.domain import Clock, UploadProtocol
from aerostore.executor import Executor
from aerostore.service import FileStorage
from aerostore.service.bucket import Buckets
from aerostore.service.description import Descriptions
from aerostore.service.download import Downloads
from aerostore.service.file import Files
from aerostore.service.folder import Folders
from aerostore.service.folder_batch import FolderBatches
from aerostore.service.folder_job import FolderJobs
from aerostore.service.folder_look import FolderLook
from aerostore.service.folder_request import KINDS
from aerostore.service.job import Jobs
from aerostore.service.job_runner import JobWorker
from aerostore.service.listing import Listing
from aerostore.service.multipart import MultipartUploads
from aerostore.service.outbox import Outbox
from aerostore.service.publish import Publisher
from aerostore.service.resumable import ResumableUploads
from aerostore.service.search import Search
from aerostore.service.signed_url import LinkSigner, SignedUrls
from aerostore.service.tag import Tags
from aerostore.service.turn import Turns
from aerostore.service.upload import UploadSessions
from aerostore.service.zip import Archives
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
    jobs = Jobs(executor, clock=clock, telemetry=telemetry)
    look, batches = _folder_parts(executor, outbox, limits, clock=clock)
    downloads = Downloads(executor, backend, telemetry=telemetry)
    return FileStorage(
        buckets=Buckets(
            executor,
            outbox,
            clock=clock,
            file_size_limit=limits.file_size_limit,
            empty_at_most=limits.empty_at_most,
        ),
        files=files,
        downloads=downloads,
        listing=Listing(executor),
        resumable=ResumableUploads(tus, Turns(executor, backend), publisher),
        multipart=MultipartUploads(s3, executor, backend, publisher, clock=clock),
        tags=Tags(executor),
        signed_urls=SignedUrls(executor, files, signer, upload_expires_in_s=limits.upload_url_expires_in_s),
        folders=Folders(jobs, look, batches, clock=clock),
        jobs=jobs,
        search=Search(executor),
        descriptions=Descriptions(executor, outbox, clock),
        archives=Archives(executor, downloads),
    )


def folder_workers(
    executor: Executor, outbox: Outbox, jobs: Jobs, limits: Limits, *, clock: Clock
) -> dict[str, JobWorker]:
    """Return who does the jobs about folders, by kind."""
    look, batches = _folder_parts(executor, outbox, limits, clock=clock)
    worker = FolderJobs(jobs, look, batches, clock=clock)
    return {kind: worker for kind in KINDS}


def _folder_parts(
    executor: Executor, outbox: Outbox, limits: Limits, *, clock: Clock
) -> tuple[FolderLook, FolderBatches]:
    largest = limits.file_size_limit
    return (
        FolderLook(executor, largest),
        FolderBatches(executor, outbox, clock=clock, file_size_limit=largest),
    )
