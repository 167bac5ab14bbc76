"""How often one address may fail to sign in."""

import pytest

from aerostore.api.admin.attempt import Attempts
from aerostore.errors import SlowDown

HERE, ELSEWHERE = "203.0.113.9", "203.0.113.10"


class Seconds:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def attempts(seconds: Seconds) -> Attempts:
    return Attempts(now=seconds)


def taken(attempts: Attempts, address: str | None, most: int = 100) -> int:
    """Count how many refusals in a row are put up with."""
    for count in range(most):
        try:
            attempts.refuse(address)
        except SlowDown:
            return count
    return most


def test_ten_may_be_refused_in_a_row(attempts: Attempts) -> None:
    assert taken(attempts, HERE) == 10


def test_time_gives_them_back_one_by_one(attempts: Attempts, seconds: Seconds) -> None:
    taken(attempts, HERE)
    seconds.now += 6
    assert taken(attempts, HERE) == 1
    seconds.now += 3600
    assert taken(attempts, HERE) == 10


def test_addresses_are_counted_for_themselves(attempts: Attempts) -> None:
    taken(attempts, HERE)
    assert taken(attempts, ELSEWHERE) == 10
    assert taken(attempts, None) == 10


def test_a_network_of_ipv6_counts_as_one(attempts: Attempts) -> None:
    taken(attempts, "2001:db8:1:2::1")
    assert taken(attempts, "2001:db8:1:2:ffff::7") == 0
    assert taken(attempts, "2001:db8:1:3::1") == 10


def test_a_flood_of_addresses_is_not_remembered(attempts: Attempts) -> None:
    for number in range(10_001):
        attempts.refuse(f"198.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(attempts._spent) == 10_000
