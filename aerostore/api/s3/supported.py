"""Headers of the S3 protocol that ask for what this server does not do: refused, never passed over.

An object that was to be encrypted or locked, and is not, is worse than an error.
"""

from collections.abc import Mapping

from starlette.requests import Request

from aerostore.api.s3.fault import S3Fault
from aerostore.api.s3.part_number import check_has_upload
from aerostore.errors import NotSupported

_REFUSED = frozenset(
    {
        "x-amz-bypass-governance-retention",
        "x-amz-expected-bucket-owner",
        "x-amz-if-match-last-modified-time",
        "x-amz-if-match-size",
        "x-amz-mfa",
        "x-amz-source-expected-bucket-owner",
        "x-amz-website-redirect-location",
        "x-amz-write-offset-bytes",
    }
)
_REFUSED_FAMILIES = (
    "x-amz-copy-source-server-side-encryption-",
    "x-amz-grant-",
    "x-amz-object-lock-",
    "x-amz-server-side-encryption",
)
# The owner has all rights anyway, and nobody gets any: who may do what is the policies' matter.
_HARMLESS_ACLS = frozenset({"private", "bucket-owner-full-control", "bucket-owner-read"})


def check_supported(request: Request, *, acls: frozenset[str] = frozenset()) -> None:
    """Refuse a request that needs what is not implemented.

    acls: values of x-amz-acl that the operation takes besides those that change nothing.
    Raises: NotSupported; S3Fault InvalidStorageClass, NoSuchVersion, InvalidArgument.
    """
    check_fields(request.headers, acls=acls)
    check_version(request.query_params.get("versionId"))
    check_has_upload(request)


def check_fields(fields: Mapping[str, str], *, acls: frozenset[str] = frozenset()) -> None:
    """Refuse headers, or fields of a form, that ask for what is not implemented.

    fields: by lower-case name. acls, Raises: as `check_supported`.
    """
    for name in fields:
        if name in _REFUSED or name.startswith(_REFUSED_FAMILIES):
            raise NotSupported(f"The header {name} asks for something that is not implemented")
    acl = fields.get("x-amz-acl", "private")
    if acl not in _HARMLESS_ACLS | acls:
        raise NotSupported(
            "A header you provided implies functionality that is not implemented: x-amz-acl",
            hint="Access is a matter of policies, and of the bucket's being public.",
        )
    check_storage_class(fields.get("x-amz-storage-class"))


def check_storage_class(value: str | None) -> None:
    """Refuse a storage class other than STANDARD. Raises: S3Fault InvalidStorageClass."""
    if value is not None and value != "STANDARD":
        raise S3Fault(
            "InvalidStorageClass",
            "The storage class you specified is not valid",
            hint="Use STANDARD, or leave it out.",
        )


def check_version(version_id: str | None) -> None:
    """Refuse a version other than `null`: the one that an object has in a bucket that keeps no others.

    Raises: S3Fault NoSuchVersion.
    """
    if version_id is not None and version_id != "null":
        raise S3Fault(
            "NoSuchVersion",
            "The specified version does not exist",
            hint="Buckets keep no versions: leave versionId out, or send 'null'.",
        )
