"""The multipart reader: any cut of a body gives one result, and hostile bodies end early and cheaply."""

import asyncio
import itertools
import tracemalloc
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aerostore.api.form import (
    MAX_FIELD_BYTES,
    MAX_FIELDS,
    MAX_FIELDS_BYTES,
    MAX_PART_HEADER_BYTES,
    MAX_PART_HEADERS,
    MAX_PARTS,
    MAX_PREAMBLE_BYTES,
    MAX_REST_BYTES,
    NoFile,
    read_upload_form,
)
from aerostore.errors import IncompleteBody, InvalidInput, MetadataTooLarge, StorageError

BOUNDARY = "--bound-7"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
DELIMITER = b"\r\n--" + BOUNDARY.encode()
END = DELIMITER + b"--\r\n"
START = DELIMITER[2:] + b"\r\n"
DISPOSITION = b'Content-Disposition: form-data; name="a"; filename="b"\r\n'
PIECE_BYTES = 64 * 1024


@dataclass(frozen=True)
class Upload:
    fields: dict[str, str]
    content_type: str | None
    filename: str | None
    content: bytes


class Source:
    """A request body that counts how many of its chunks were asked for."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self.pulled = 0

    async def stream(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            self.pulled += 1
            yield chunk


async def read_all(content_type: str, body: AsyncIterator[bytes]) -> Upload:
    form = await read_upload_form(content_type, body)
    content = b"".join([chunk async for chunk in form.chunks])
    return Upload(dict(form.fields), form.content_type, form.filename, content)


def upload(*chunks: bytes, content_type: str = CONTENT_TYPE) -> Upload:
    return asyncio.run(read_all(content_type, Source(chunks).stream()))


def outcome(chunks: Sequence[bytes]) -> Upload | tuple[type[StorageError], str]:
    try:
        return upload(*chunks)
    except StorageError as error:
        return type(error), error.message


def part(disposition: str, content: bytes, *headers: str) -> bytes:
    lines = [f"Content-Disposition: form-data; {disposition}", *headers, "", ""]
    return DELIMITER + b"\r\n" + "\r\n".join(lines).encode() + content


def file_part(content: bytes = b"content", *headers: str) -> bytes:
    return part('name=""; filename="blob"', content, *headers)


def body(*parts: bytes) -> bytes:
    return b"".join(parts).removeprefix(b"\r\n") + END


def cut(data: bytes, positions: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(min(position, len(data)) for position in positions), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


SMALL_BODY = body(
    part('name="cacheControl"', b"3600"),
    part('name="metadata"', '{"título":"\r\n--bound"}'.encode()),
    file_part(b"\r\n--bound-7x\r\n-- \r\r\n--", "Content-Type: text/plain;charset=UTF-8"),
)

# Pieces that begin like a delimiter, so that the parser has to give back what it held.
nearly_boundaries = st.lists(
    st.sampled_from(
        [b"\r", b"\n", b"\r\n", b"-", b"--", b"\r\n--", DELIMITER[:-1], DELIMITER[2:], b"\x00", b"x", b"\xff"]
    )
).map(b"".join)
file_contents = st.one_of(st.binary(max_size=200), nearly_boundaries).filter(
    lambda content: DELIMITER not in content
)
fragments = [DELIMITER, END, b"\r\n\r\n", b"\r\n", b"\r", b"--", b" ", b":", b"x", b"preamble", b"\xff"]
fragments += [part('name="a"', b"1"), file_part(), START + DISPOSITION, b'; name="a"', b"; filename=b"]
forms = st.lists(st.sampled_from(fragments), max_size=12).map(b"".join)
cuts = st.lists(st.integers(min_value=0, max_value=600), max_size=40)


def test_form_of_storage_js_gives_fields_before_the_file_and_its_content_type() -> None:
    form = (
        b"------formdata-undici-01\r\n"
        b'Content-Disposition: form-data; name="cacheControl"\r\n\r\n3600\r\n'
        b"------formdata-undici-01\r\n"
        b'Content-Disposition: form-data; name="metadata"\r\n\r\n{"a":1}\r\n'
        b"------formdata-undici-01\r\n"
        b'Content-Disposition: form-data; name=""; filename="blob"\r\n'
        b"Content-Type: text/plain;charset=UTF-8\r\n\r\nhello\r\n"
        b"------formdata-undici-01--\r\n"
    )
    read = upload(form, content_type="multipart/form-data; boundary=----formdata-undici-01")
    fields = {"cacheControl": "3600", "metadata": '{"a":1}'}
    assert read == Upload(fields, "text/plain;charset=UTF-8", "blob", b"hello")


def test_form_encoded_by_httpx_as_storage3_does_is_read_whole() -> None:
    name, content = 'naïve "draft".png', bytes(range(256)) * 900
    request = httpx.Request(
        "POST",
        "http://127.0.0.1/",
        data={"cacheControl": "60"},
        files={"file": (name, content, "image/png")},
    )
    read = upload(request.read(), content_type=request.headers["content-type"])
    assert read == Upload({"cacheControl": "60"}, "image/png", name.replace('"', "%22"), content)


@given(content=file_contents, positions=cuts)
@example(content=DELIMITER[:-1] * 3, positions=list(range(600)))
def test_any_content_comes_back_unchanged_however_the_body_is_cut(
    content: bytes, positions: list[int]
) -> None:
    form = body(part('name="contentType"', b"image/png"), file_part(content), part('name="late"', b"x"))
    assert upload(*cut(form, positions)) == Upload({"contentType": "image/png"}, None, "blob", content)


@given(form=forms, positions=cuts)
def test_any_body_gives_the_same_result_or_the_same_error_however_it_is_cut(
    form: bytes, positions: list[int]
) -> None:
    assert outcome(cut(form, positions)) == outcome([form])


def test_body_that_arrives_byte_by_byte_is_read_whole() -> None:
    assert outcome([bytes([byte]) for byte in SMALL_BODY]) == outcome([SMALL_BODY])


@pytest.mark.parametrize("length", range(len(SMALL_BODY) - len(b"\r\n")))
def test_body_cut_off_before_its_closing_boundary_is_never_complete(length: int) -> None:
    assert outcome([SMALL_BODY[:length]]) == (IncompleteBody, "Unexpected end of multipart data")


def test_body_may_end_right_after_its_closing_boundary() -> None:
    assert upload(SMALL_BODY.removesuffix(b"\r\n")) == upload(SMALL_BODY)


def test_form_is_returned_before_the_body_goes_on() -> None:
    async def scenario() -> tuple[int, int]:
        form = body(file_part(b"first half, second half"))
        at = form.index(b"second")
        source = Source([form[:at], form[at:]])
        upload_form = await read_upload_form(CONTENT_TYPE, source.stream())
        pulled_for_form = source.pulled
        assert await anext(upload_form.chunks) == b"first half, "
        return pulled_for_form, source.pulled

    assert asyncio.run(scenario()) == (1, 1)


def test_bytes_that_arrived_are_given_before_the_form_proves_incomplete() -> None:
    async def scenario() -> list[bytes]:
        form = await read_upload_form(CONTENT_TYPE, Source([file_part(b"beginning")]).stream())
        received = [await anext(form.chunks)]
        with pytest.raises(IncompleteBody, match="Unexpected end of multipart data"):
            await anext(form.chunks)
        return received

    assert asyncio.run(scenario()) == [b"beginning"]


def test_empty_file_is_complete() -> None:
    assert upload(body(file_part(b""))).content == b""


def test_fields_and_files_after_the_file_are_ignored() -> None:
    form = body(
        part('name="file"; filename="a.txt"', b"first", "Content-Type: text/css"),
        part('name="cacheControl"', b"3600"),
        part('name="file"; filename="b.txt"', b"second" * 99),
    )
    assert upload(form) == Upload({}, "text/css", "a.txt", b"first")


def test_preamble_and_epilogue_are_ignored() -> None:
    form = b"This is a form.\r\n-- \r\n" + body(file_part()) + b"\r\nepilogue" + DELIMITER + b"\r\n"
    assert upload(form) == upload(body(file_part()))


def test_longest_preamble_is_accepted_and_one_byte_more_is_not() -> None:
    form = b"\r\n" + body(file_part())
    longest = b"x" * (MAX_PREAMBLE_BYTES - 2)
    for positions in (range(0), range(0, len(longest + form), 7)):
        assert outcome(cut(longest + form, positions)) == outcome([form])
        assert outcome(cut(longest + b"x" + form, positions)) == (InvalidInput, "Malformed multipart body")


def test_last_field_of_a_name_counts() -> None:
    form = body(part('name="cacheControl"', b"1"), part('name="cacheControl"', b"2"), file_part())
    assert upload(form).fields == {"cacheControl": "2"}


@pytest.mark.parametrize(
    ("disposition", "filename"),
    [
        (r'name="file"; filename="a \"b\" \\ c.txt"', r'a "b" \ c.txt'),
        (r'name="file"; filename="C:\dir\a.txt"', r"C:\dir\a.txt"),
        ('name="file"; filename="дом; name=x.png"', "дом; name=x.png"),
        ("name=file; filename=plain.txt", "plain.txt"),
        ('NAME="file" ; FileName="a";', "a"),
        ('name="file"; filename=""', ""),
        ("name=\"file\"; filename*=UTF-8''na%C3%AFve.txt", "naïve.txt"),
        ('name="file"; filename="plain"; filename*=UTF-8\'\'extended', "plain"),
        ('filename="nameless"', "nameless"),
        ('name=""', None),
    ],
)
def test_file_part_is_known_by_its_filename_or_empty_name(disposition: str, filename: str | None) -> None:
    assert upload(body(part(disposition, b"content"))) == Upload({}, None, filename, b"content")


def test_typed_part_with_a_name_and_no_filename_is_a_field() -> None:
    json_field = part('name="metadata; filename=x"', b"{}", "Content-Type: application/json")
    assert upload(body(json_field, file_part())).fields == {"metadata; filename=x": "{}"}


@pytest.mark.parametrize(("header", "value"), [("", None), ("Content-Type:  \t", None)])
def test_content_type_is_none_when_absent_or_blank(header: str, value: str | None) -> None:
    assert upload(body(file_part(b"", *filter(None, [header])))).content_type is value


@pytest.mark.parametrize("boundary", ["b", "'()+_,-./:=?", "a b", "x" * 70])
def test_every_boundary_of_rfc_2046_is_accepted(boundary: str) -> None:
    form = body(file_part()).replace(BOUNDARY.encode(), boundary.encode())
    read = upload(form, content_type=f'multipart/form-data; charset=utf-8; Boundary="{boundary}"')
    assert read.content == b"content"


@pytest.mark.parametrize(
    ("content_type", "message"),
    [
        ("multipart/form-data", "Multipart: Boundary not found"),
        ("multipart/form-data; boundary", "Multipart: Boundary not found"),
        ("multipart/form-data; boundary=", "Multipart: Boundary not found"),
        ("multipart/form-data; boundary=a; boundary=b", "Multipart: Boundary not found"),
        ('multipart/form-data; boundary="a', "Multipart: Boundary not found"),
        ("multipart/form-data; boundary=" + "x" * 71, "Multipart: Boundary is not valid"),
        ('multipart/form-data; boundary="a "', "Multipart: Boundary is not valid"),
        ("multipart/form-data; boundary=é", "Multipart: Boundary is not valid"),
    ],
)
def test_content_type_without_a_usable_boundary_is_refused(content_type: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        upload(body(file_part()), content_type=content_type)
    assert caught.value.message == message


@pytest.mark.parametrize("form", [body(), body(part('name="a"', b"1")), b"--" + BOUNDARY.encode() + b"--"])
def test_form_without_a_file_is_refused(form: bytes) -> None:
    assert outcome([form]) == (NoFile, "No content provided")


MALFORMED = (InvalidInput, "Malformed multipart body")


@pytest.mark.parametrize(
    ("form", "error"),
    [
        (START + b"\r\nno headers" + END, MALFORMED),
        (START + b"Content-Disposition: form-data\r\n\r\nno name" + END, MALFORMED),
        (START + b'Content-Disposition: attachment; filename="a"\r\n\r\n' + END, MALFORMED),
        (START + b'Content-Disposition: form-data; filename="a\r\n\r\nunclosed' + END, MALFORMED),
        (START + b'Content-Disposition: form-data; filename="a"b\r\n\r\n' + END, MALFORMED),
        (START + b'Content-Disposition: form-data; name="a"; name="b"\r\n\r\n' + END, MALFORMED),
        (START + DISPOSITION + DISPOSITION + b"\r\ntwo dispositions" + END, MALFORMED),
        (START + DISPOSITION + b"Content-Type: a/b\nX-Forged: 1\r\n\r\n" + END, MALFORMED),
        (START + DISPOSITION + b"Content-Type: a/b\x00\r\n\r\n" + END, MALFORMED),
        (START + DISPOSITION + b" folded\r\n\r\n" + END, MALFORMED),
        (START + DISPOSITION + b": no name\r\n\r\n" + END, MALFORMED),
        (DELIMITER[2:] + b"x\r\n" + DISPOSITION + b"\r\n" + END, MALFORMED),
        (
            START + b'Content-Disposition: form-data; filename="\xff"\r\n\r\n' + END,
            (InvalidInput, "The form is not valid UTF-8"),
        ),
        (
            body(part('name="metadata"', b"\xed\xa0\x80"), file_part()),
            (InvalidInput, "The form is not valid UTF-8"),
        ),
        (
            body(file_part(b"aGk=", "Content-Transfer-Encoding: Base64")),
            (InvalidInput, "Content-Transfer-Encoding 'Base64' is not supported"),
        ),
        (
            body(part(f'name="{"ä" * 50}a"', b""), file_part()),
            (InvalidInput, "The name of a form field is longer than 100 bytes"),
        ),
        (
            body(*(part(f'name="f{index}"', b"") for index in range(MAX_FIELDS + 1)), file_part()),
            (InvalidInput, "The form has more than 10 fields"),
        ),
        (
            body(*[file_part()] * (MAX_PARTS + 1)),
            (InvalidInput, "The form has more than 100 parts"),
        ),
        (body(file_part(b"", *(f"X-{index}: 1" for index in range(MAX_PART_HEADERS)))), MALFORMED),
        (body(file_part(b"", "X: " + "1" * MAX_PART_HEADER_BYTES)), MALFORMED),
        (
            body(file_part(b"", *(f"X-{index}: {'1' * (MAX_PART_HEADER_BYTES // 2)}" for index in range(2)))),
            (InvalidInput, "The headers of a form part are longer than 16384 bytes"),
        ),
    ],
)
def test_hostile_form_is_refused(form: bytes, error: tuple[type[StorageError], str]) -> None:
    assert outcome([form]) == error


def test_malformed_form_leaves_no_log_line_of_the_parser(caplog: pytest.LogCaptureFixture) -> None:
    assert outcome([START + DISPOSITION + b": no name\r\n\r\n" + END]) == MALFORMED
    assert caplog.records == []


@pytest.mark.parametrize("encoding", ["binary", "8BIT", "7bit"])
def test_transfer_encoding_that_changes_nothing_is_accepted(encoding: str) -> None:
    assert upload(body(file_part(b"x", f"Content-Transfer-Encoding: {encoding}"))).content == b"x"


def test_form_at_every_limit_is_accepted() -> None:
    fields = [part(f'name="{index:0100}"', b"") for index in range(MAX_FIELDS - 1)]
    fields.append(part('name="metadata"', b"m" * MAX_FIELD_BYTES))
    headers = [f"X-{index:02}: {'1' * 1000}" for index in range(MAX_PART_HEADERS - 1)]
    files = [file_part(b"x", *headers)] * (MAX_PARTS - MAX_FIELDS)
    read = upload(body(*fields, *files))
    assert (len(read.fields), len(read.fields["metadata"])) == (MAX_FIELDS, MAX_FIELD_BYTES)


@pytest.mark.parametrize(
    ("name", "error"),
    [("metadata", MetadataTooLarge), ("userMetadata", MetadataTooLarge), ("cacheControl", InvalidInput)],
)
def test_field_over_one_mebibyte_is_refused(name: str, error: type[StorageError]) -> None:
    form = body(part(f'name="{name}"', b"x" * (MAX_FIELD_BYTES + 1)), file_part())
    with pytest.raises(error) as caught:
        upload(*cut(form, range(0, len(form), PIECE_BYTES)))
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("opening", "filler"),
    [
        pytest.param(b"", file_part(b""), id="parts"),
        pytest.param(b"", part('name="a"', b""), id="fields"),
        pytest.param(START, b"X: 1\r\n", id="headers"),
        pytest.param(START, b"x", id="header name"),
        pytest.param(START + b'Content-Disposition: form-data; filename="', b"a", id="filename"),
        pytest.param(START + b"Content-Disposition:", b" ", id="spaces"),
        pytest.param(b"", b"preamble", id="preamble"),
        pytest.param(b"", DELIMITER[:-1], id="preamble of boundaries"),
    ],
)
def test_endless_repetition_is_refused_after_at_most_two_pieces(opening: bytes, filler: bytes) -> None:
    def pieces() -> Iterable[bytes]:
        yield opening + (filler * PIECE_BYTES)[: PIECE_BYTES - len(opening)]
        while True:
            yield (filler * PIECE_BYTES)[:PIECE_BYTES]

    source = Source(pieces())
    with pytest.raises(InvalidInput):
        asyncio.run(read_all(CONTENT_TYPE, source.stream()))
    assert source.pulled <= 2


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "filler",
    [DELIMITER[:-1], DELIMITER + b"-", DELIMITER + b"\r", DELIMITER + b"x", b"\r", b"\r\n", b"--"],
)
@pytest.mark.parametrize("piece_bytes", [8 * 1024 * 1024, PIECE_BYTES, 7])
def test_near_boundaries_cost_linear_time_and_come_back_unchanged(filler: bytes, piece_bytes: int) -> None:
    size_bytes = min(8 * 1024 * 1024, piece_bytes * 50_000)
    content = (filler + b"x") * (size_bytes // (len(filler) + 1))
    form = body(file_part(content))
    assert upload(*cut(form, range(0, len(form), piece_bytes))).content == content


def test_file_of_100_megabytes_passes_in_the_memory_of_a_few_pieces() -> None:
    total_bytes = 100_000_000

    def pieces() -> Iterable[bytes]:
        yield body(part('name="cacheControl"', b"60"), file_part(b"")).removesuffix(END)
        for start in range(0, total_bytes, PIECE_BYTES):
            yield bytes(min(PIECE_BYTES, total_bytes - start))
        yield END

    async def scenario() -> int:
        form = await read_upload_form(CONTENT_TYPE, Source(pieces()).stream())
        return sum([len(chunk) async for chunk in form.chunks])

    tracemalloc.start()
    try:
        assert asyncio.run(scenario()) == total_bytes
        assert tracemalloc.get_traced_memory()[1] < 8 * PIECE_BYTES
    finally:
        tracemalloc.stop()


def test_piece_that_holds_only_file_bytes_is_passed_on_without_a_copy() -> None:
    async def scenario() -> bool:
        piece = bytes(PIECE_BYTES)
        form = await read_upload_form(CONTENT_TYPE, Source([file_part(b"x"), piece, END]).stream())
        received = [chunk async for chunk in form.chunks]
        return any(chunk is piece for chunk in received)

    assert asyncio.run(scenario())


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(body(file_part(b"x")), id="an epilogue"),
        pytest.param(body(file_part(b"x"), part('name="later"', b"")).removesuffix(END), id="a part"),
    ],
)
def test_what_follows_the_file_is_read_up_to_a_limit(start: bytes) -> None:
    source = Source(itertools.chain([start], itertools.repeat(b"v" * PIECE_BYTES)))
    with pytest.raises(InvalidInput, match="follow the file"):
        asyncio.run(read_all(CONTENT_TYPE, source.stream()))
    assert source.pulled <= MAX_REST_BYTES // PIECE_BYTES + 2


def test_fields_are_bounded_together() -> None:
    half = b"v" * (MAX_FIELDS_BYTES // 2 + 1)
    form = body(part('name="a"', half), part('name="b"', half), file_part())
    with pytest.raises(InvalidInput, match="together"):
        upload(form)
