"""Whatever callers, clocks, crashes and failing parts do: the server and a dictionary tell the same story."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.conformance.postgres import PostgresCluster
from tests.service.model.operation_rule import StorageMachine
from tests.service.model.server import Server
from tests.service.rows import default_template

STEPS = 80
EXAMPLES = {"sqlite": 12, "postgres": 2}


def run(request: pytest.FixtureRequest, kind: str, open_server: Callable[[], Server]) -> None:
    """Run the machine. --crash-size multiplies the examples, and lets a failure be reduced to few steps."""
    size, number = (request.config.getoption(f"--crash-{option}") for option in ("size", "seed"))

    class Machine(StorageMachine):
        def __init__(self) -> None:
            super().__init__(open_server())

    # Reducing takes minutes, which the short form does not have.
    phases = [Phase.generate] if size == 1 else [Phase.generate, Phase.shrink]
    chosen = settings(
        max_examples=EXAMPLES[kind] * size,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(seed(number)(Machine), settings=chosen)
    except Exception as exc:
        exc.add_note(f"Again, and reduced to few steps: --crash-seed={number} --crash-size={max(size, 2)}")
        raise


def test_the_api_over_sqlite_does_what_a_dictionary_does(
    request: pytest.FixtureRequest, make_folder: Callable[[], Path]
) -> None:
    run(request, "sqlite", lambda: Server(make_folder()))


@pytest.mark.postgres
def test_the_api_over_postgres_does_what_a_dictionary_does(
    request: pytest.FixtureRequest, make_folder: Callable[[], Path], cluster: PostgresCluster
) -> None:
    run(request, "postgres", lambda: ServerOnPostgres(make_folder(), cluster))


class ServerOnPostgres(Server):
    """A server with a database of its own, which goes with it."""

    def __init__(self, folder: Path, cluster: PostgresCluster) -> None:
        self._cluster = cluster
        self._database = cluster.create_database(template=default_template(cluster))
        super().__init__(folder, cluster.url(self._database))

    def close(self) -> None:
        super().close()
        self._cluster.drop_database(self._database)
