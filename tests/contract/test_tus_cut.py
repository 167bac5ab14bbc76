"""tus-js-client over connections that are cut at random: it goes on until the content is whole."""

import subprocess

import httpx
import pytest

from .client import Target, get_object
from .cutting_proxy import CuttingProxy
from .test_storage_js import JS, RUN_TIMEOUT_S
from .test_storage_js import node as node

LENGTH = 1_500_000

pytestmark = pytest.mark.node


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_upload_over_connections_that_are_cut_is_whole(
    target: Target, service: httpx.Client, bucket: str, node: str, seed: int
) -> None:
    proxy = CuttingProxy(target, seed=seed, cuts=12, longest_bytes=120_000)
    with proxy.running():
        run = subprocess.run(
            [node, "cut_upload.js", bucket, "a", str(LENGTH)],
            cwd=JS,
            env={"AEROSTORE_URL": proxy.url, "AEROSTORE_SERVICE_TOKEN": target.token("service_role")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=RUN_TIMEOUT_S,
            check=False,
        )
    assert run.returncode == 0, run.stdout
    assert proxy.cuts_left <= 0
    expected = bytes((index * 31 + (index >> 8) * 7) % 256 for index in range(LENGTH))
    assert get_object(service, bucket, "a").content == expected
