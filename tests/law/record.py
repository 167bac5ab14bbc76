"""`python -m tests.law.record`: ask PostgreSQL about ordinary cases again and keep its answers."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

from tests.conformance.postgres import require_binaries, running_cluster
from tests.law import corpus
from tests.law.case import Caller, Case, Question, Recording, World
from tests.law.level import Gallery, gallery
from tests.law.pointed import pointed_cases, pointed_world
from tests.law.policy_set import PolicySets
from tests.law.population import Population, words_of
from tests.law.postgres_side import PostgresSide, law_database
from tests.law.recorded import FOLDER

SEED = 20260131
ROWS = 3
SETS = 24
HOSTILE_SETS = 8


def main() -> None:
    """Write the recordings of ordinary cases. Those of differences that were mended stay as they are."""
    with running_cluster(require_binaries()) as cluster, law_database(cluster) as connection:
        postgres = PostgresSide(connection)
        postgres.apply(corpus.fixture())
        for name, recording in _recordings(postgres):
            recording.save(FOLDER / f"{name}.json")
            print(f"{name}: {len(recording.cases)} cases")


def _recordings(postgres: PostgresSide) -> Iterator[tuple[str, Recording]]:
    yield "expressions", record_expressions(postgres, Random(SEED))
    yield "statements", record_statements(postgres, Random(SEED), sets=SETS)
    yield "hostile_statements", record_statements(postgres, Random(SEED), sets=HOSTILE_SETS, hostile=True)
    world = pointed_world(Random(SEED))
    yield "pointed", record(postgres, world, list(pointed_cases(Random(SEED), world)))


def record(postgres: PostgresSide, world: World, cases: Sequence[Case]) -> Recording:
    """Record what statements do in `world`."""
    with postgres.trial():
        postgres.fill(world)
        return Recording(world=world, cases=[_answered(postgres, case) for case in cases])


def _answered(postgres: PostgresSide, case: Case) -> Case:
    with postgres.trial():
        postgres.apply(case.policies)
        return replace(case, answer=postgres.ask(case.question, case.caller))


def record_statements(
    postgres: PostgresSide, random: Random, *, sets: int, hostile: bool = False
) -> Recording:
    """Record what statements do under random policy sets in one world."""
    source = PolicySets(random)
    files = [source.policies() for _ in range(sets)]
    population = Population(random, words_of("\n".join(files)))
    world = population.world(buckets=12, objects=48)
    cases = [
        Case(policies=policies, caller=_caller(population, hostile=hostile), question=question)
        for policies in files
        for question in random.sample([*source.questions(world, population)], 7)
    ]
    return record(postgres, world, cases)


def _caller(population: Population, *, hostile: bool) -> Caller:
    return population.hostile_caller(through_the_door=True) if hostile else population.caller()


def record_expressions(postgres: PostgresSide, random: Random) -> Recording:
    """Record what each condition of the corpus is for a few rows aimed at it, and one caller."""
    shapes = list(corpus.shapes())
    shown = gallery(random, shapes, rows=ROWS)
    with postgres.trial():
        postgres.fill(shown.world)
        cases = [case for shape in shapes for case in _judged(postgres, shape, shown, random)]
    return Recording(world=shown.world, cases=cases)


def _judged(postgres: PostgresSide, shape: corpus.Shape, shown: Gallery, random: Random) -> Iterator[Case]:
    population = Population(random, words_of(shape.text))
    with postgres.trial():
        postgres.apply(shape.for_anyone)
        for condition in postgres.conditions(shape.name):
            ids = shown.ids[shape.id, condition.table]
            question = Question(form=f"judge {condition.part}", target=shape.name, names=tuple(ids))
            caller = population.caller()
            answer = [[row, verdict] for row, verdict in postgres.judge(condition, caller, ids).items()]
            yield Case(policies=shape.for_anyone, caller=caller, question=question, answer=answer)


if __name__ == "__main__":
    main()
