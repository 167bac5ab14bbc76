"""Settings of the S3 protocol that do not fit together."""

from typing import Any

import pytest

from aerostore.settings import InvalidSettings, Settings


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"s3_access_key_id": "shop"}, "S3_SECRET_ACCESS_KEY"),
        ({"s3_secret_access_key": "x" * 16}, "S3_ACCESS_KEY_ID"),
        ({"s3_access_key_id": "shop", "s3_secret_access_key": "x" * 15}, "at least 16"),
        ({"s3_port": 8000}, "another port"),
        ({"s3_port": 65536}, "S3_PORT"),
    ],
    ids=str,
)
def test_what_does_not_fit_together_is_refused(given: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidSettings, match=named):
        Settings(**given)


def test_secrets_are_not_printed() -> None:
    settings = Settings(
        s3_access_key_id="shop", s3_secret_access_key="a secret of the shop", anon_key="ey.anon"
    )
    assert "a secret of the shop" not in repr(settings)
    assert "ey.anon" not in repr(settings)
