"""Random policy sets made of the corpus' expressions, and statements to try under them."""

from collections.abc import Iterator
from random import Random

from aerostore.executor.statements import successor
from aerostore.policy.parse.source import parse
from aerostore.policy.problem import Source
from aerostore.policy.syntax import CreatePolicy
from tests.law import corpus
from tests.law.case import BUCKETS, OBJECTS, Question, World
from tests.law.population import Population

_COMMANDS = ("all", "all", "select", "insert", "update", "delete")
_ROLES = ("", "", "to public", "to authenticated", "to anon, authenticated", "to anon", "to service_role")
_MORE = ("archived_at is null", "not is_delete_marker", "blob_id is null", "last_accessed_at < now()")
"""Conditions on columns that the corpus leaves out."""

_WRAPPINGS = ("{}", "{}", "{}", "not ({})", "({}) is not true", "({}) or bucket_id <> 'docs'")


def expressions() -> dict[str, list[str]]:
    """Return the USING and WITH CHECK texts of the corpus by the table that they are about."""
    found: dict[str, list[str]] = {OBJECTS: [], BUCKETS: []}
    for shape in corpus.shapes():
        [statement], _ = parse(Source(path=shape.id, text=shape.text))
        assert isinstance(statement, CreatePolicy)
        found[".".join(statement.table)] += [
            each for each in (statement.using_text, statement.check_text) if each
        ]
    found[OBJECTS] += _MORE
    return found


class PolicySets:
    """A source of policy sets and of questions about them."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._expressions = expressions()

    def policies(self) -> str:
        """Return a policy file: a few policies on objects, perhaps some on buckets."""
        tables = [OBJECTS] * self._random.choice((1, 2, 3, 5)) + [BUCKETS] * self._random.choice((0, 1, 2))
        numbers = self._random.sample(range(100), len(tables))
        return "\n".join(
            self._policy(f"p{number}", table) for number, table in zip(numbers, tables, strict=True)
        )

    def _policy(self, name: str, table: str) -> str:
        command = self._random.choice(_COMMANDS)
        kind = self._random.choice(("permissive",) * 4 + ("restrictive",))
        roles = self._random.choice(_ROLES)
        clauses = self._clauses(table, command)
        return f"create policy {name} on {table} as {kind} for {command} {roles} {clauses};"

    def _clauses(self, table: str, command: str) -> str:
        using, check = f"using ({self._expression(table)})", f"with check ({self._expression(table)})"
        if command in ("select", "delete"):
            return using
        if command == "insert":
            return check
        return self._random.choice((using, using, f"{using} {check}", check))

    def _expression(self, table: str) -> str:
        if self._random.random() < 0.2:
            return self._random.choice(("true", "true", "false", "null"))
        wrapping = self._random.choice(_WRAPPINGS[:5] if table == BUCKETS else _WRAPPINGS)
        return wrapping.format(self._random.choice(self._expressions[table]))

    def questions(self, world: World, population: Population) -> Iterator[Question]:
        """Yield statements of every kind, most of them about rows that are there."""
        yield from self._reads(world)
        yield from self._object_writes(world, population)
        yield from self._bucket_writes(world, population)

    def _reads(self, world: World) -> Iterator[Question]:
        objects = world[OBJECTS]
        row = self._random.choice(objects)
        prefix = row["name"][: self._random.choice((0, 1, 3, 37))]
        bucket = {"bucket_id": row["bucket_id"]}
        yield Question(form="see objects")
        yield Question(form="list objects", row=bucket, names=("", ""))
        for form in ("list objects", "list listed objects", "list objects by time"):
            yield Question(form=form, row=bucket, names=(prefix, _after(prefix)))
        names = tuple(each["name"] for each in objects if each["bucket_id"] == row["bucket_id"])
        for form in ("find objects", "find listed objects"):
            yield Question(form=form, row=bucket, names=names)
        yield Question(form="find object", row=bucket, names=(row["name"],))
        yield Question(form="list buckets")

    def _object_writes(self, world: World, population: Population) -> Iterator[Question]:
        choose = self._random.choice
        objects = world[OBJECTS]
        place = choose(world[BUCKETS])["id"]
        yield Question(form="insert object", row=population.object_row(place))
        yield Question(form="insert object", row=population.object_row(choose(objects)["bucket_id"]))
        yield Question(form="upsert object", row=population.object_row(place))
        old = choose(objects)
        kept = {name: old[name] for name in ("bucket_id", "name")}
        yield Question(form="upsert object", row=dict(population.object_row()) | kept)
        moved = choose(objects)
        changed = {
            "name": population.name(),
            "bucket_id": choose((moved["bucket_id"], place)),
            "version": "new",
        }
        owner = {"owner_id": choose((moved["owner_id"], population.object_row()["owner_id"]))}
        yield Question(form="move object", target=moved["id"], row=dict(moved) | changed | owner)
        ids = [row["id"] for row in self._random.sample(objects, min(8, len(objects)))]
        yield Question(form="delete objects", names=tuple(ids))

    def _bucket_writes(self, world: World, population: Population) -> Iterator[Question]:
        old = self._random.choice(world[BUCKETS])
        changed = {"public": not old["public"], "file_size_limit": self._random.choice((None, 5, 2**21))}
        yield Question(form="update bucket", target=old["id"], row=changed)
        yield Question(form="insert bucket", row=population.bucket_row(f"user-{self._random.randrange(9)}"))
        yield Question(form="delete bucket", target=self._random.choice(world[BUCKETS])["id"])


def _after(prefix: str) -> str:
    return successor(prefix) or "" if prefix else ""
