"""Every way an operation can fail, as one family. No HTTP here: doors map classes to statuses.

StorageError
├── InvalidInput              InvalidRequest
│   ├── SchemaViolation       SchemaViolation
│   ├── MalformedJson         MalformedJson
│   ├── NoSuchRoute           NoSuchRoute
│   ├── MalformedPath         MalformedPath
│   ├── InvalidParameter      InvalidParameter
│   ├── InvalidBucketName     InvalidBucketName
│   ├── InvalidKey            InvalidKey
│   ├── InvalidRange          InvalidRange
│   ├── InvalidRobotsTag      InvalidXRobotsTag
│   ├── IncompleteBody        IncompleteBody
│   ├── LengthRequired        MissingContentLength
│   ├── InvalidDigest         InvalidDigest
│   ├── ChecksumMismatch      BadDigest
│   ├── MalformedXml          MalformedXML
│   ├── InvalidPart           InvalidPart
│   ├── InvalidPartOrder      InvalidPartOrder
│   ├── PartTooSmall          EntityTooSmall
│   └── RequestTimeout        RequestTimeout
├── NotFound                  NotFound
│   ├── NoSuchBucket          NoSuchBucket
│   ├── NoSuchKey             NoSuchKey
│   ├── NoSuchUpload          NoSuchUpload
│   ├── UploadExpired         UploadExpired
│   └── NoSuchRelation        NoSuchRelation
├── Conflict                  Conflict
│   ├── BucketAlreadyExists   BucketAlreadyExists
│   ├── KeyAlreadyExists      KeyAlreadyExists
│   ├── ResourceAlreadyExists ResourceAlreadyExists
│   ├── BucketNotEmpty        ResourceNotEmpty
│   ├── BucketTooLarge        BucketTooLarge
│   ├── ResourceReferenced    ResourceReferenced
│   ├── OffsetMismatch        OffsetMismatch
│   └── UploadCompleted       UploadCompleted
├── AccessDenied              AccessDenied
│   ├── RoleNotAllowed        RoleNotAllowed
│   ├── PolicyFailed          PolicyFailed
│   ├── InvalidToken          InvalidToken
│   ├── ExpiredToken          ExpiredToken
│   ├── InvalidLink           InvalidJWT
│   ├── InvalidAccessKey      InvalidAccessKeyId
│   └── SignatureDoesNotMatch InvalidSignature
├── LimitExceeded             LimitExceeded
│   ├── EntityTooLarge        EntityTooLarge
│   ├── MetadataTooLarge      MetadataTooLarge
│   ├── RequestBodyTooLarge   RequestBodyTooLarge
│   └── InvalidMimeType       InvalidMimeType
├── PreconditionFailed        PreconditionFailed
├── Unavailable               Unavailable            (retryable)
│   ├── LockTimeout           LockTimeout
│   ├── SlowDown              SlowDown
│   ├── Overloaded            Overloaded
│   └── InsufficientStorage   InsufficientStorage
├── NotSupported              NotImplemented
└── Corrupted                 Corrupted

The right-hand column is the stable code. Retired codes are listed here and never used again: none yet.
"""

from typing import ClassVar


class StorageError(Exception):
    """Base of every expected failure.

    message: what was wrong, for the person who made the request. resource: the bucket or `bucket/name`
    concerned. hint: what to do next. `code` never changes once released.
    """

    code: ClassVar[str] = "StorageError"
    retryable: ClassVar[bool] = False
    default_message: ClassVar[str] = "The operation failed"
    default_hint: ClassVar[str | None] = None

    def __init__(
        self, message: str | None = None, *, resource: str | None = None, hint: str | None = None
    ) -> None:
        self.message = message or self.default_message
        self.resource = resource
        self.hint = hint or self.default_hint
        super().__init__(self.message)


class InvalidInput(StorageError):
    """The request cannot be understood or breaks a rule of the protocol."""

    code = "InvalidRequest"
    default_message = "The request is invalid"


class SchemaViolation(InvalidInput):
    """A body, query string or header does not have the shape that its route asks for."""

    code = "SchemaViolation"


class MalformedJson(InvalidInput):
    """A body that is announced as JSON is none."""

    code = "MalformedJson"


class NoSuchRoute(InvalidInput):
    """No operation has this method and path."""

    code = "NoSuchRoute"
    default_hint = "The operations are listed at /storage/v1/documentation."


class MalformedPath(InvalidInput):
    """The path of the request cannot be decoded."""

    code = "MalformedPath"
    default_message = "The path holds an invalid percent escape"
    default_hint = "Percent-encode the object name as UTF-8."


class InvalidParameter(InvalidInput):
    """A parameter has a value that cannot be used."""

    code = "InvalidParameter"


class InvalidBucketName(InvalidInput):
    """The bucket name breaks the name rule."""

    code = "InvalidBucketName"
    default_message = "Bucket name invalid"
    default_hint = "Use 1 to 100 of A-Z a-z 0-9 _!.*'()&$@=;:+,?- and inner spaces; not '.' or '..'."


class InvalidKey(InvalidInput):
    """The object name breaks the name rule."""

    code = "InvalidKey"
    default_message = "Invalid key"
    default_hint = "Use 1 to 1,024 bytes of UTF-8; no control characters, no path segment '.' or '..'."


class InvalidRange(InvalidInput):
    """The requested byte range cannot be served (RFC 9110 section 14.2). size_bytes: what there is."""

    code = "InvalidRange"
    default_message = "invalid range provided"
    default_hint = "Ask for one range of the form bytes=first-last that starts inside the object."

    def __init__(self, message: str | None = None, *, size_bytes: int | None = None) -> None:
        super().__init__(message)
        self.size_bytes = size_bytes


class InvalidRobotsTag(InvalidInput):
    """The X-Robots-Tag header holds an unknown directive."""

    code = "InvalidXRobotsTag"


class IncompleteBody(InvalidInput):
    """The body ended before its announced or framed end."""

    code = "IncompleteBody"
    default_message = "The request body ended before it was complete"
    default_hint = "Nothing was stored. Send the request again."


class RequestTimeout(InvalidInput):
    """The client stopped sending in the middle of a body."""

    code = "RequestTimeout"
    default_message = "The request body stopped arriving"
    default_hint = "Nothing was stored. Send the request again over a better connection."


class LengthRequired(InvalidInput):
    """The request must say how long its body is (RFC 9110 section 8.6)."""

    code = "MissingContentLength"
    default_message = "You must provide the Content-Length HTTP header"


class InvalidDigest(InvalidInput):
    """A checksum that the client sent cannot be one."""

    code = "InvalidDigest"
    default_message = "The checksum you specified is not valid"
    default_hint = "Send the checksum in base64, of the length that its algorithm gives."


class ChecksumMismatch(InvalidInput):
    """The bytes that arrived do not have the checksum that the client sent with them; nothing was stored."""

    code = "BadDigest"
    default_message = "The checksum you specified did not match what we received"
    default_hint = "Send the same bytes again: they were changed on their way."


class MalformedXml(InvalidInput):
    """An XML body is not well-formed, holds what no client sends, or lacks what the operation needs."""

    code = "MalformedXML"
    default_message = "The XML you provided was not well-formed or did not validate against our schema"


class InvalidPart(InvalidInput):
    """A part that was named is not there, or has another entity tag."""

    code = "InvalidPart"
    default_message = "A part could not be found, or its entity tag does not match"
    default_hint = "List the parts of the upload, and send again those that are missing."


class InvalidPartOrder(InvalidInput):
    """Parts are not named in ascending order."""

    code = "InvalidPartOrder"
    default_message = "The list of parts was not in ascending order"


class PartTooSmall(InvalidInput):
    """A part other than the last is smaller than the protocol allows."""

    code = "EntityTooSmall"
    default_message = "Your proposed upload is smaller than the minimum allowed size"
    default_hint = "Every part but the last needs at least 5 MiB."


class NotFound(StorageError):
    """Something named in the request does not exist, or the caller may not know that it does."""

    code = "NotFound"


class NoSuchBucket(NotFound):
    """The bucket does not exist or the caller may not see it."""

    code = "NoSuchBucket"
    default_message = "Bucket not found"
    default_hint = "Check the bucket id, and that the caller's role may read it."


class NoSuchKey(NotFound):
    """The object does not exist or the caller may not see it."""

    code = "NoSuchKey"
    default_message = "Object not found"
    default_hint = "Check the object name, and that a policy lets the caller select it."


class NoSuchUpload(NotFound):
    """The upload session does not exist, has ended or has expired."""

    code = "NoSuchUpload"
    default_message = "Upload not found"


class UploadExpired(NotFound):
    """The upload was given more time than this, and it is over."""

    code = "UploadExpired"
    default_message = "The file for this url no longer exists"
    default_hint = "Begin the upload again."


class NoSuchRelation(NotFound):
    """A bucket that the request refers to does not exist."""

    code = "NoSuchRelation"
    default_message = "The related resource does not exist"
    default_hint = "Create the destination bucket first."


class Conflict(StorageError):
    """The request clashes with what is stored."""

    code = "Conflict"
    default_message = "The request conflicts with the current state"


class BucketAlreadyExists(Conflict):
    """A bucket with this id or name exists."""

    code = "BucketAlreadyExists"
    default_message = "The resource already exists"
    default_hint = "Choose another bucket name or update the existing bucket."


class KeyAlreadyExists(Conflict):
    """An object with this name exists and the request did not ask to replace it."""

    code = "KeyAlreadyExists"
    default_message = "The resource already exists"
    default_hint = "Send 'x-upsert: true' or use PUT to replace the object."


class ResourceAlreadyExists(Conflict):
    """An object cannot be moved onto another one."""

    code = "ResourceAlreadyExists"
    default_message = "The resource already exists"
    default_hint = "Choose another name, or delete the object that has it first."


class BucketNotEmpty(Conflict):
    """A bucket that still holds objects cannot be deleted."""

    code = "ResourceNotEmpty"
    default_message = "The bucket you tried to delete is not empty"
    default_hint = "Empty the bucket first."


class BucketTooLarge(Conflict):
    """The bucket holds more objects than one request may delete."""

    code = "BucketTooLarge"
    default_message = "Unable to empty the bucket because it contains too many objects"
    default_hint = "Delete objects by prefix until fewer are left, then empty the bucket."


class ResourceReferenced(Conflict):
    """Something still points at the resource."""

    code = "ResourceReferenced"
    default_message = "The resource could not be updated or removed because something refers to it"


class OffsetMismatch(Conflict):
    """A part of a resumable upload does not start where the last one ended."""

    code = "OffsetMismatch"
    default_message = "Upload-Offset conflict"


class UploadCompleted(Conflict):
    """The upload is an object already."""

    code = "UploadCompleted"
    default_message = "Cannot terminate an already completed upload"
    default_hint = "Delete the object instead."


class AccessDenied(StorageError):
    """The caller is known and may not do this."""

    code = "AccessDenied"
    default_message = "Access denied"


class RoleNotAllowed(AccessDenied):
    """The caller's role is unknown, or no policy could ever let it do this."""

    code = "RoleNotAllowed"


class PolicyFailed(AccessDenied):
    """A policy raised an error instead of deciding, so nothing was decided in the caller's favour."""

    code = "PolicyFailed"
    default_message = "A policy could not be evaluated"
    default_hint = "Guard the cast in the policy, or send a token and a name that it can read."


class InvalidToken(AccessDenied):
    """The caller's JWT is malformed, unverifiable or not acceptable."""

    code = "InvalidToken"
    default_message = "Invalid Compact JWS"
    default_hint = "Send 'Authorization: Bearer <token>' with a JWT signed by this server's key."


class ExpiredToken(AccessDenied):
    """The caller's JWT is outside its validity period."""

    code = "ExpiredToken"
    default_message = '"exp" claim timestamp check failed'
    default_hint = "Sign in again to get a fresh token, and check both clocks."


class InvalidLink(AccessDenied):
    """The token of a signed URL is malformed, forged or expired."""

    code = "InvalidJWT"
    default_message = "Invalid Compact JWS"
    default_hint = "Create a new signed URL."


class SignatureDoesNotMatch(AccessDenied):
    """A signed URL's token is genuine but meant for something else."""

    code = "InvalidSignature"
    default_message = "Invalid signature"
    default_hint = "Use the URL exactly as it was issued, for the purpose it was issued for."


class InvalidAccessKey(AccessDenied):
    """No access key has this id, or it was revoked or has expired."""

    code = "InvalidAccessKeyId"
    default_message = "The access key id you provided does not exist in our records"
    default_hint = "Make one with 'aerostore keys create'."


class LimitExceeded(StorageError):
    """The request breaks a configured limit."""

    code = "LimitExceeded"


class EntityTooLarge(LimitExceeded):
    """The object is larger than the server or the bucket allows."""

    code = "EntityTooLarge"
    default_message = "The object exceeded the maximum allowed size"
    default_hint = "Send a smaller object or raise the bucket's file_size_limit or AEROSTORE_FILE_SIZE_LIMIT."


class MetadataTooLarge(LimitExceeded):
    """The user metadata is larger than 1 MiB."""

    code = "MetadataTooLarge"
    default_message = "The user_metadata exceeded the maximum allowed size"
    default_hint = "Keep user metadata under 1 MiB of JSON."


class RequestBodyTooLarge(LimitExceeded):
    """A JSON body is larger than 1 MiB."""

    code = "RequestBodyTooLarge"
    default_message = "Request body is too large"
    default_hint = "Split the request: JSON bodies may hold 1 MiB."


class InvalidMimeType(LimitExceeded):
    """The bucket does not take this content type."""

    code = "InvalidMimeType"
    default_hint = "Send an allowed Content-Type or change the bucket's allowed_mime_types."


class PreconditionFailed(StorageError):
    """A conditional header of the request does not hold (RFC 9110 section 13.1)."""

    code = "PreconditionFailed"
    default_message = "A precondition of the request does not hold"


class Unavailable(StorageError):
    """The server cannot do this now; trying again later may work."""

    code = "Unavailable"
    retryable = True
    default_message = "The service is temporarily unavailable"
    default_hint = "Try again in a few seconds."


class LockTimeout(Unavailable):
    """A lock was not free in time."""

    code = "LockTimeout"
    default_message = "acquiring lock timeout"


class SlowDown(Unavailable):
    """The request asks for more than may be spent on one, or the database for fewer at once."""

    code = "SlowDown"
    default_message = "Too many requests at once"


class Overloaded(Unavailable):
    """The server has as many requests under way as it can hold; nothing of this one was done."""

    code = "Overloaded"
    default_message = "The server has too many requests under way"


class InsufficientStorage(Unavailable):
    """The disk or the database has no room left; reads and deletes still work."""

    code = "InsufficientStorage"
    default_message = "The server has no room left to store this"
    default_hint = "Free space on the server, then try again. Nothing was stored."


class NotSupported(StorageError):
    """The protocol knows this, and the server does not do it."""

    code = "NotImplemented"
    default_message = "The request needs something that is not implemented"
    default_hint = "docs/compat.md lists what is."


class Corrupted(StorageError):
    """Stored bytes are missing or differ from what was written."""

    code = "Corrupted"
    default_message = "The stored bytes of this object are missing or damaged"
    default_hint = "Upload the content again, or restore it from a backup; 'aerostore scrub' lists damage."
