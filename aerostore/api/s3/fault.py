"""Failures that only the S3 protocol has: signatures, forms and bodies that break its rules."""

from collections.abc import Mapping

from aerostore.errors import StorageError

FAULTS: Mapping[str, int] = {
    "AuthorizationHeaderMalformed": 400,
    "AuthorizationQueryParametersError": 400,
    "EntityTooLarge": 400,
    "EntityTooSmall": 400,
    "ExpiredToken": 400,
    "IncorrectNumberOfFilesInPostRequest": 400,
    "InvalidArgument": 400,
    "InvalidLocationConstraint": 400,
    "InvalidPolicyDocument": 400,
    "InvalidRequest": 400,
    "InvalidStorageClass": 400,
    "InvalidTag": 400,
    "InvalidToken": 400,
    "KeyTooLongError": 400,
    "MalformedTrailerError": 400,
    "XAmzContentSHA256Mismatch": 400,
    "AccessDenied": 403,
    "RequestTimeTooSkewed": 403,
    "SignatureDoesNotMatch": 403,
    "NoSuchVersion": 404,
    "MethodNotAllowed": 405,
    "InvalidPartNumber": 416,
}
"""The HTTP status of each code. Source: the S3 API reference, list of error codes."""


class S3Fault(StorageError):
    """A request that breaks a rule of the S3 protocol.

    code: one of `FAULTS`, which gives the status. details: further elements of the answer, by name.
    """

    code: str = "S3Fault"  # type: ignore[misc]  # each instance has its own: the protocol names dozens

    def __init__(
        self,
        code: str,
        message: str,
        *,
        resource: str | None = None,
        hint: str | None = None,
        details: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, resource=resource, hint=hint)
        self.code = code
        self.status = FAULTS[code]
        self.details = details or {}
