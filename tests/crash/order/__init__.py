"""The order of system calls: what is on disk before what, seen by strace under the real server."""
