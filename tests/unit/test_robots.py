"""Which X-Robots-Tag values are stored."""

import pytest

from aerostore.api.rest.robots import check_robots_tag
from aerostore.errors import InvalidRobotsTag


@pytest.mark.parametrize(
    "value",
    [
        "all",
        "noindex, nofollow",
        "NOINDEX",
        "googlebot: noindex",
        "max-snippet: -1",
        "max-video-preview:20",
        "max-image-preview: large",
        "unavailable_after: 2030-01-31",
        "unavailable_after: 25 Jun 2030 15:00:00 GMT",
        "otherbot: noindex, nofollow",
    ],
)
def test_known_directives_are_kept_as_they_came(value: str) -> None:
    assert check_robots_tag(value) == value


@pytest.mark.parametrize(
    "value",
    [
        "",
        "index-me",
        "noindex,",
        "max-snippet",
        "max-snippet: -2",
        "max-image-preview: huge",
        "unavailable_after: hello",
        "unavailable_after:",
        "noindex: 5",
        "bot\r\nX: noindex",
        "é: noindex",
    ],
)
def test_anything_else_is_refused(value: str) -> None:
    with pytest.raises(InvalidRobotsTag, match="Invalid X-Robots-Tag header"):
        check_robots_tag(value)
