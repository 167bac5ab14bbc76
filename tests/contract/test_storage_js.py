"""The JavaScript client that browsers use, one pytest case for each of its test files under js/."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.requirement import skip_without

from .client import Target, unique

JS = Path(__file__).parent / "js"
INSTALL_TIMEOUT_S = 100
RUN_TIMEOUT_S = 100

pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def node() -> str:
    """The Node.js binary, with the packages of js/package-lock.json installed."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        skip_without("node", "storage-js, because Node.js and npm are not installed")
    if not (JS / "node_modules").is_dir():
        subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=JS, check=True, timeout=INSTALL_TIMEOUT_S)
    return node


@pytest.mark.parametrize("file", sorted(JS.glob("*.test.js")), ids=lambda file: file.name)
def test_storage_js_passes(file: Path, node: str, target: Target) -> None:
    run = subprocess.run(
        [node, "--test", "--test-reporter=spec", file.name],
        cwd=JS,
        env={
            "AEROSTORE_URL": target.url,
            "AEROSTORE_SERVICE_TOKEN": target.token("service_role"),
            "AEROSTORE_USER_TOKEN": target.token("authenticated", sub=unique("js-user")),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=RUN_TIMEOUT_S,
        check=False,
    )
    if run.returncode != 0:
        pytest.fail(run.stdout, pytrace=False)
