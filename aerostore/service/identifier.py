"""Identifiers of rows."""

import os
import time


def new_id() -> str:
    """Return a UUID that nobody had before, and that sorts behind those of earlier milliseconds.

    So new rows come next to each other in every index by identifier, however many there are already.
    Source: RFC 9562 section 5.7, UUID version 7.
    """
    moment = f"{time.time_ns() // 1_000_000:012x}"
    chance = os.urandom(9).hex()
    return f"{moment[:8]}-{moment[8:]}-7{chance[:3]}-8{chance[3:6]}-{chance[6:]}"
