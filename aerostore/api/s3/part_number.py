"""Which part of an object or of an upload a request is about: the partNumber in its query."""

from starlette.requests import Request

from aerostore.api.s3.page import bad_argument
from aerostore.service.part import MAX_PARTS

_NAME = "partNumber"


def find_part_number(request: Request) -> int | None:
    """Return the number of the part, None when the request names none. Raises: S3Fault InvalidArgument."""
    return get_part_number(request) if _NAME in request.query_params else None


def get_part_number(request: Request) -> int:
    """Return the number of the part. Raises: S3Fault InvalidArgument."""
    text = request.query_params.get(_NAME, "")
    digits = text.lstrip("0")
    number = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 5 else 0
    if not 1 <= number <= MAX_PARTS:
        message = f"Part number must be an integer between 1 and {MAX_PARTS}, inclusive"
        raise bad_argument(_NAME, text, message)
    return number


def check_has_upload(request: Request) -> None:
    """Refuse a part of no upload: whoever lost its id would replace the whole object with the part.

    Raises: S3Fault InvalidArgument.
    """
    asked = request.query_params
    if request.method == "PUT" and _NAME in asked and "uploadId" not in asked:
        raise bad_argument(
            _NAME, asked[_NAME], "A part needs the id of its upload: send uploadId beside partNumber"
        )
