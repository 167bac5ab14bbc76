"""What every group of S3's operations is made with."""

from dataclasses import dataclass

from aerostore.api.s3.caller import S3Callers
from aerostore.service import FileStorage


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Setup:
    """What the door serves, to whom, and how. region: what buckets are said to be in."""

    storage: FileStorage
    callers: S3Callers
    region: str
    body_timeout_s: float
