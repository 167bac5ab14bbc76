"""Policies that are each about one rule: what random ones meet too seldom."""

from collections.abc import Iterator
from itertools import cycle
from random import Random
from uuid import UUID

from tests.law.case import BUCKETS, OBJECTS, Caller, Case, Question, Row, World
from tests.law.population import USERS, Population

POINTED = (
    # Patterns and text keep the case of letters; values keep their spelling.
    "create policy p on storage.objects using (name like 'a%' or name = 'B');",
    "create policy p on storage.objects using (split_part(name, '/', 1) = 'a');",
    "create policy p on storage.objects using (user_metadata ->> 'locked' = 'true');",
    # Names are COLLATE "C", where only ASCII letters have another case.
    "create policy p on storage.objects using (name = upper(name));",
    # A folder, and what only begins like it.
    "create policy p on storage.objects using ((storage.foldername(name))[1] = 'a');",
    "create policy p on storage.objects using (path_tokens[1] = 'a' or name = 'B');",
    # The changed row is judged by WITH CHECK and, where it is named, by the select policies.
    """create policy r on storage.objects for select using (true);
    create policy u on storage.objects for update using (true) with check (name like 'a/%');
    create policy i on storage.objects for insert with check (true);""",
    """create policy r on storage.objects for select using (name like 'a/%');
    create policy u on storage.objects for update using (true);
    create policy i on storage.objects for insert with check (true);
    create policy d on storage.objects for delete using (true);""",
    # Subqueries see the buckets that the caller sees, and an unreadable subject fails them.
    "create policy p on storage.objects using (bucket_id in (select id from storage.buckets));",
    """create policy p on storage.objects using (bucket_id in (select id from storage.buckets));
    create policy b on storage.buckets for select using (public);""",
    """create policy p on storage.objects
    using ((exists (select 1 from storage.buckets b where b.owner = auth.uid())) is not true);""",
    "create policy p on storage.objects using (bucket_id <> 'nowhere' or owner = auth.uid());",
    # NULL is distinct from every value; an error is no answer.
    "create policy p on storage.objects using (owner_id is distinct from 'somebody');",
    "create policy p on storage.objects using ((metadata ->> 'size')::int > 0);",
    # Columns that no statement of the executor mentions.
    "create policy p on storage.objects using (archived_at is null and not is_delete_marker);",
)
VALUES: tuple[Row, ...] = (
    {"owner_id": USERS[0], "metadata": '{"size": 5}', "user_metadata": '{"locked": true}'},
    {"owner_id": None, "metadata": '{"size": "many"}', "user_metadata": '{"locked": "1"}'},
    {"owner_id": "somebody", "metadata": "{}", "user_metadata": None},
)
"""What the objects are given in turn."""
NAMES = ("a", "a/b", "a/b.txt", "a0", "A/b", "B", "b", "ab/c", "a//b", "/a", "é")


def pointed_world(random: Random) -> World:
    """Return a world whose objects have the names that the policies are about."""
    population = Population(random, ())
    world = population.world(buckets=3, objects=0)
    places = [bucket["id"] for bucket in world[BUCKETS]]
    objects = []
    for name, values in zip(NAMES, cycle(VALUES), strict=False):
        objects.append(dict(population.object_row(random.choice(places))) | {"name": name, **values})
    return {**world, OBJECTS: objects}


def pointed_cases(random: Random, world: World) -> Iterator[Case]:
    """Yield what a user can do under each policy, and some of it for someone whose subject is no uuid."""
    questions = list(_questions(random, world))
    user, nobody = Caller(role="authenticated", subject=USERS[0]), Caller(role="anon", subject="nobody")
    for policies in POINTED:
        for question in questions:
            yield Case(policies=policies, caller=user, question=question)
        for question in questions[::4]:
            yield Case(policies=policies, caller=nobody, question=question)


def _questions(random: Random, world: World) -> Iterator[Question]:
    objects = world[OBJECTS]
    yield Question(form="see objects")
    yield Question(form="delete objects", names=tuple(row["id"] for row in objects))
    for bucket in world[BUCKETS]:
        yield Question(form="list objects", row={"bucket_id": bucket["id"]}, names=("", ""))
    for row in objects[:2]:
        changed = {"name": f"{row['name']}/a", "version": "new"}
        yield Question(form="move object", target=row["id"], row=dict(row) | changed)
    for row in objects[1:6:2]:
        fresh = {"id": str(UUID(int=random.getrandbits(128), version=4)), "version": "new"}
        yield Question(form="upsert object", row=dict(row) | fresh)
        yield Question(form="insert object", row=dict(row) | fresh | {"name": f"{row['name']}x"})
