"""multipart/form-data uploads: the text fields before the file, then the file's bytes as they arrive.

Nothing is spooled: whoever stores the file pulls the request body through this parser. What a field means,
and whether its value makes sense, is decided elsewhere.
"""

import logging
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from aerostore.domain import MAX_USER_METADATA_BYTES, printable
from aerostore.errors import IncompleteBody, InvalidInput, MetadataTooLarge

MAX_PARTS = 100
MAX_FIELDS = 10
MAX_FIELD_NAME_BYTES = 100
MAX_FIELD_BYTES = MAX_USER_METADATA_BYTES
# Of all fields together: they wait in memory for the file.
MAX_FIELDS_BYTES = MAX_FIELD_BYTES + 64 * 1024
MAX_PART_HEADERS = 16
MAX_PART_HEADER_BYTES = 16 * 1024
MAX_PREAMBLE_BYTES = 64 * 1024
# Of what follows the file and is ignored: parts and an epilogue.
MAX_REST_BYTES = MAX_PARTS * MAX_PART_HEADER_BYTES + MAX_FIELDS_BYTES

_METADATA_FIELDS = frozenset({"metadata", "userMetadata"})
_IDENTITY_ENCODINGS = frozenset({"binary", "8bit", "7bit"})
_UNEXPECTED_END = "Unexpected end of multipart data"

# RFC 2046 section 5.1.1: 1 to 70 of these characters, the last one not a space.
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_PARAMETER = re.compile(
    r""";[ \t]*(?:([\w!#$%&'*+.^`|~-]+)=(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^;"\s]*))[ \t]*)?""", re.ASCII
)
_SILENT = logging.Logger("silent", logging.CRITICAL)
_CONTROL_CHARACTER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class NoFile(InvalidInput):
    """A form that is complete and has no file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadForm:
    """An upload whose file has only begun to arrive.

    fields: the text fields that came before the file, the last of each name; later ones are ignored.
    content_type: the file part's own header, None when absent. filename: for information, never a path.
    chunks: the file's bytes, read once. They are the whole file only when the iterator ends by itself: it
    raises IncompleteBody when the form ends early, InvalidInput when what follows the file is malformed.
    """

    fields: Mapping[str, str]
    content_type: str | None
    filename: str | None
    chunks: AsyncIterator[bytes]


async def read_upload_form(
    content_type: str,
    body: AsyncIterator[bytes],
    *,
    max_fields: int = MAX_FIELDS,
    file_field: str | None = None,
) -> UploadForm:
    """Read `body` up to the first byte of its first file part, whatever that part is called.

    content_type: the request's header. A part is a file when it has a filename or an empty name, or is called
    file_field in any case. Holds at most one piece of `body` and the fields; takes time in proportion to what
    arrives.
    Raises: InvalidInput for a form that is malformed or breaks a limit of this module; NoFile;
    MetadataTooLarge for a metadata field over its limit; IncompleteBody when the form ends early.
    Source: RFC 7578; RFC 2046 section 5.1.1.
    """
    boundary = _parse_boundary(content_type)
    parts = _without_preamble(body, boundary)
    parser = _FormParser(boundary, max_fields=max_fields, file_field=file_field)
    file = await _find_file(parts, parser)
    return UploadForm(
        fields=parser.fields,
        content_type=file.content_type,
        filename=file.filename,
        chunks=_file_chunks(parts, parser),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _PartHead:
    name: str
    filename: str | None
    content_type: str | None

    @property
    def is_file(self) -> bool:
        # storage-js appends its Blob under the empty name; some runtimes drop the file name then.
        return self.filename is not None or not self.name


class _FormParser:
    """What the push parser reports, sorted into fields, the file's bytes and what is ignored after it."""

    def __init__(self, boundary: str, *, max_fields: int, file_field: str | None) -> None:
        self._max_fields = max_fields
        self._file_field = file_field
        self.fields: dict[str, str] = {}
        self.file: _PartHead | None = None
        self.ended = False
        self.in_file = False
        self._file_bytes: list[bytes] = []
        self._field_name: str | None = None
        self._field_value = bytearray()
        self._fields_bytes = 0
        self._part_count = 0
        self._headers: dict[str, str] = {}
        self._header_bytes = 0
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._extend_header_name,
                "on_header_value": self._extend_header_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_headers,
                "on_part_data": self._take_data,
                "on_part_end": self._end_part,
                "on_end": self._end_form,
            },
            max_header_count=MAX_PART_HEADERS,
            max_header_size=MAX_PART_HEADER_BYTES,
        )
        # It would warn of each malformed body, but the error says so and a request gets one log line.
        self._parser.logger = _SILENT

    def feed(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError as exc:
            raise _malformed() from exc

    def take_file_bytes(self) -> list[bytes]:
        taken, self._file_bytes = self._file_bytes, []
        return taken

    def _begin_part(self) -> None:
        self._part_count += 1
        if self._part_count > MAX_PARTS:
            raise InvalidInput(f"The form has more than {MAX_PARTS} parts")
        self._headers = {}
        self._header_bytes = 0

    def _extend_header_name(self, data: bytes, start: int, end: int) -> None:
        self._count_header_bytes(end - start)
        self._header_name += data[start:end]

    def _extend_header_value(self, data: bytes, start: int, end: int) -> None:
        self._count_header_bytes(end - start)
        self._header_value += data[start:end]

    def _count_header_bytes(self, size_bytes: int) -> None:
        self._header_bytes += size_bytes
        if self._header_bytes > MAX_PART_HEADER_BYTES:
            raise InvalidInput(f"The headers of a form part are longer than {MAX_PART_HEADER_BYTES} bytes")

    def _end_header(self) -> None:
        name = _decode(self._header_name).lower()
        value = _decode(self._header_value).strip(" \t")
        # A bare LF ends a line for other readers, and the content type is served back as a header.
        if name in self._headers or _CONTROL_CHARACTER.search(value):
            raise _malformed()
        self._headers[name] = value
        self._header_name.clear()
        self._header_value.clear()

    def _end_headers(self) -> None:
        if self.file is not None:
            return
        head = _parse_part_head(self._headers)
        if head.is_file or head.name.lower() == self._file_field:
            self.file = head
            self.in_file = True
            return
        if len(self.fields) >= self._max_fields:
            raise InvalidInput(f"The form has more than {self._max_fields} fields")
        self._field_name = head.name

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        if self.in_file:
            self._file_bytes.append(data[start:end])
        elif self._field_name is not None:
            self._extend_field(self._field_name, data[start:end])

    def _extend_field(self, name: str, data: bytes) -> None:
        self._field_value += data
        self._fields_bytes += len(data)
        if self._fields_bytes > MAX_FIELDS_BYTES:
            raise InvalidInput(f"The fields of the form are longer than {MAX_FIELDS_BYTES} bytes together")
        if len(self._field_value) <= MAX_FIELD_BYTES:
            return
        if name in _METADATA_FIELDS:
            raise MetadataTooLarge
        raise InvalidInput(f"The form field '{printable(name)}' is longer than {MAX_FIELD_BYTES} bytes")

    def _end_part(self) -> None:
        self.in_file = False
        if self._field_name is not None:
            self.fields[self._field_name] = _decode(self._field_value)
        self._field_name = None
        self._field_value.clear()

    def _end_form(self) -> None:
        self.ended = True


async def _without_preamble(body: AsyncIterator[bytes], boundary: str) -> AsyncIterator[bytes]:
    # The push parser takes only some preambles, and which ones depends on how the body is cut.
    yield await _skip_preamble(body, b"\r\n--" + boundary.encode())
    async for chunk in body:
        yield chunk


async def _skip_preamble(body: AsyncIterator[bytes], delimiter: bytes) -> bytes:
    tail, read_bytes = b"\r\n", 0
    async for chunk in body:
        read_bytes += len(chunk)
        window = tail + chunk
        found = window.find(delimiter)
        rest = window[found + 2 :] if found >= 0 else window[1 - len(delimiter) :]
        if read_bytes - len(rest) > MAX_PREAMBLE_BYTES:
            raise _malformed()
        if found >= 0:
            return rest
        tail = rest
    return b""


async def _find_file(parts: AsyncIterator[bytes], parser: _FormParser) -> _PartHead:
    async for chunk in parts:
        parser.feed(chunk)
        if parser.file is not None:
            return parser.file
        if parser.ended:
            raise NoFile("No content provided")
    raise IncompleteBody(_UNEXPECTED_END)


async def _file_chunks(parts: AsyncIterator[bytes], parser: _FormParser) -> AsyncIterator[bytes]:
    for piece in parser.take_file_bytes():
        yield piece
    rest_bytes = 0
    async for chunk in parts:
        rest_bytes += 0 if parser.in_file else len(chunk)
        if rest_bytes > MAX_REST_BYTES:
            raise InvalidInput(f"More than {MAX_REST_BYTES} bytes follow the file in the form")
        parser.feed(chunk)
        for piece in parser.take_file_bytes():
            yield piece
    if not parser.ended:
        raise IncompleteBody(_UNEXPECTED_END)


def _parse_boundary(content_type: str) -> str:
    boundary = _parse_parameters(content_type).get("boundary", "")
    if not boundary:
        raise InvalidInput("Multipart: Boundary not found")
    if not _BOUNDARY.fullmatch(boundary):
        raise InvalidInput("Multipart: Boundary is not valid")
    return boundary


def _parse_part_head(headers: Mapping[str, str]) -> _PartHead:
    disposition = headers.get("content-disposition", "")
    parameters = _parse_parameters(disposition)
    filename = _parse_filename(parameters)
    name = parameters.get("name", "" if filename is not None else None)
    if name is None or disposition.partition(";")[0].strip(" \t").lower() != "form-data":
        raise _malformed()
    if len(name.encode()) > MAX_FIELD_NAME_BYTES:
        raise InvalidInput(f"The name of a form field is longer than {MAX_FIELD_NAME_BYTES} bytes")
    encoding = headers.get("content-transfer-encoding", "binary")
    if encoding.lower() not in _IDENTITY_ENCODINGS:
        raise InvalidInput(f"Content-Transfer-Encoding '{printable(encoding)}' is not supported")
    return _PartHead(name=name, filename=filename, content_type=headers.get("content-type") or None)


def _parse_filename(parameters: Mapping[str, str]) -> str | None:
    extended = parameters.get("filename*")
    if "filename" in parameters or extended is None:
        return parameters.get("filename")
    return unquote(extended.rpartition("'")[2], errors="replace")


def _parse_parameters(header: str) -> dict[str, str]:
    # All or nothing: a header that two readers could take differently has no parameters.
    parameters: dict[str, str] = {}
    position = len(header.partition(";")[0])
    while position < len(header):
        match = _PARAMETER.match(header, position)
        if match is None:
            return {}
        position = match.end()
        name, quoted, token = match.groups()
        if name is None:
            continue
        if name.lower() in parameters:
            return {}
        parameters[name.lower()] = token if quoted is None else _unescape(quoted)
    return parameters


def _unescape(quoted: str) -> str:
    # Browsers leave a backslash as it is, so only the two pairs that must be escaped are undone.
    return re.sub(r'\\(["\\])', r"\1", quoted)


def _decode(data: bytearray) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as exc:
        raise InvalidInput("The form is not valid UTF-8") from exc


def _malformed() -> InvalidInput:
    return InvalidInput("Malformed multipart body")
