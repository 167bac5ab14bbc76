"""One server under strace for all tests of this directory."""

import pytest

from .scene import Scene, play


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """What was asked of the server, and every call that it made meanwhile. Skips without strace."""
    return play(tmp_path_factory.mktemp("order"))
