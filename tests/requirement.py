"""What a test needs beyond Python: a loud skip where it is missing, a failure where it may not be."""

import os
from typing import NoReturn

import pytest


def skip_without(requirement: str, missing: str) -> NoReturn:
    """Skip the test for want of what is `missing`; fail when AEROSTORE_TEST_REQUIRE names `requirement`."""
    required = os.environ.get("AEROSTORE_TEST_REQUIRE", "")  # noqa: TID251 -- steers the test run only
    if requirement in required.split(","):
        pytest.fail(f"AEROSTORE_TEST_REQUIRE names {requirement}: {missing}", pytrace=False)
    pytest.skip(f"NOT TESTED: {missing}")
