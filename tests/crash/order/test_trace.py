"""The reader of traces, on lines that strace wrote."""

from .trace import NEVER, parse_trace

BLOB = "/d/blobs/tmp/#2566220"


def test_a_call_on_one_line_is_over_when_the_next_one_begins() -> None:
    first, second = parse_trace(
        [
            '18787 pwrite64(24</d/aerostore.db-wal>, "\\0\\0\\"(\\7", 24, 32) = 24',
            "18787 fdatasync(24</d/aerostore.db-wal>) = 0",
        ]
    )
    assert (first.name, first.file, first.result) == ("pwrite64", "/d/aerostore.db-wal", 24)
    assert first.ended < second.began


def test_a_call_that_others_interrupt_lasts_until_it_is_resumed() -> None:
    write, read, sync = parse_trace(
        [
            f'18788 write(36<{BLOB}>(deleted), "\\2052"..., 1048576 <unfinished ...>',
            '18784 read(17<anon_inode:[eventfd]>, "\\1\\0", 1024) = 8',
            "18788 <... write resumed>) = 1048576",
            f"18788 fsync(36<{BLOB}>(deleted)) = 0",
        ]
    )
    assert (write.file, write.result) == (BLOB, 1048576)
    assert write.began < read.began <= read.ended < write.ended < sync.began


def test_threads_that_are_both_interrupted_are_told_apart() -> None:
    one, other = parse_trace(
        [
            "11 fsync(3</d/one> <unfinished ...>",
            "12 fsync(4</d/other> <unfinished ...>",
            "12 <... fsync resumed>) = 0",
            "11 <... fsync resumed>) = -1 EIO (Input/output error)",
        ]
    )
    assert (one.file, one.ended, one.has_succeeded) == ("/d/one", 3, False)
    assert (other.file, other.ended, other.has_succeeded) == ("/d/other", 2, True)


def test_a_call_that_never_returns_has_not_ended() -> None:
    calls = parse_trace(
        [
            "11 fsync(3</d/one> <unfinished ...>",
            "12 fsync(3</d/one>) = ?",
            "12 +++ killed by SIGKILL +++",
        ]
    )
    assert [(call.ended, call.has_succeeded) for call in calls] == [(NEVER, False)] * 2


def test_a_descriptor_that_is_made_has_the_path_of_its_file() -> None:
    unnamed, named, missing = parse_trace(
        [
            f'11 openat(21</d/blobs/tmp>, ".", O_WRONLY|O_CLOEXEC|O_TMPFILE, 0600) = 36<{BLOB}>(deleted)',
            '11 openat(19</d/blobs/sha256>, "2c", O_RDONLY|O_DIRECTORY) = 37</d/blobs/sha256/2c>',
            '11 openat(AT_FDCWD</d>, "absent", O_RDONLY) = -1 ENOENT (No such file or directory)',
        ]
    )
    assert (unnamed.made, named.made) == (BLOB, "/d/blobs/sha256/2c")
    assert (missing.made, missing.has_succeeded) == ("", False)


def test_what_is_linked_made_and_removed_has_a_path() -> None:
    link, mkdir, unlink, absolute = parse_trace(
        [
            '11 linkat(AT_FDCWD</w>, "/proc/self/fd/36", 37</d/sha256/2c>, "2cf2.74f4", 0x400) = 0',
            '11 mkdirat(19</d/sha256>, "2c", 0700) = 0',
            '11 unlinkat(37</d/sha256/2c>, "2cf2.74f4", 0) = 0',
            '11 unlink("/d/aerostore.db-journal") = 0',
        ]
    )
    assert link.target == unlink.target == "/d/sha256/2c/2cf2.74f4"
    assert mkdir.target == "/d/sha256/2c"
    assert absolute.target == "/d/aerostore.db-journal"


def test_text_in_strings_is_no_descriptor() -> None:
    (call,) = parse_trace(['11 writev(35<socket:[99]>, [{iov_base="a 7</d/x> \\" b", iov_len=3}], 1) = 3'])
    assert (call.descriptors, call.strings) == (["socket:[99]"], ['a 7</d/x> \\" b'])


def test_a_descriptor_whose_link_gave_it_a_name_is_still_told_by_its_file() -> None:
    calls = parse_trace(
        [f"11 fsync(36<{BLOB}>(deleted)) = 0", "11 --- SIGCHLD {si_signo=SIGCHLD} ---", "not a line"]
    )
    assert [call.file for call in calls] == [BLOB]
