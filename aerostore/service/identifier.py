"""Identifiers of rows and requests. They are no secrets: nothing is allowed to who knows one."""

import os
import random
import time

# Not the system's: each call of it lets the other threads of the process go first.
_chance = random.Random()
os.register_at_fork(after_in_child=_chance.seed)  # else workers would give out the same ones


def new_id() -> str:
    """Return a UUID that nobody had before, and that sorts behind those of earlier milliseconds.

    So new rows come next to each other in every index by identifier, however many there are already.
    Source: RFC 9562 section 5.7, UUID version 7.
    """
    moment = f"{time.time_ns() // 1_000_000:012x}"
    chance = f"{_chance.getrandbits(72):018x}"
    return f"{moment[:8]}-{moment[8:]}-7{chance[:3]}-8{chance[3:6]}-{chance[6:]}"


def new_request_id() -> str:
    """Return 16 hexadecimal digits that tell a request from others."""
    return f"{_chance.getrandbits(64):016x}"
