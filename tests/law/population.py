"""Rows and callers at random, aimed at policies: most use the words that the policies themselves use."""

import json
import re
import uuid
from collections.abc import Sequence
from itertools import count
from random import Random
from typing import Any

from tests.law.case import BUCKETS, OBJECTS, Caller, Row, World

USERS = (
    "317eadce-631a-4429-a0bb-f19a7a517b4a",
    "d8c7bce9-cfeb-497b-bd61-e66ce2cbdaa2",
    "d7bed83c-44a0-4a4f-925f-efc384ea1e50",
    "00000000-0000-4000-8000-000000000000",
)
GROUPS = ("6f1d5c9e-0a54-4c0b-9d6e-0d6f3b1c2a11", "6f1d5c9e-0a54-4c0b-9d6e-0d6f3b1c2a22")
PLACES = ("avatars", "docs", "bucket2", "x")
SEGMENTS = (
    *("public", "private", "Public", "a", "b", "A", "shared", "avatars", "workspaces", "42", " 7 ", "1e3"),
    *("", "a b", "100%", "x_y", "[a-c]*", "?", "*", "\\", "'", '"', "...", "-", "{}", "true", "null"),
    *(
        "ünï",
        "İstanbul",
        "ß",
        "e\u0301",
        "é",
        "ﬀ",
        "\ud7ff",
        "\ue000",
        "𝄞",
        "\U0010ffff",
        "\u2028",
        "z" * 300,
    ),
    *(USERS[0].upper(), "{" + USERS[0] + "}", USERS[0] + " ", USERS[0].replace("-", "")),
)
FILES = (
    *("avatar.jpg", "avatar.JPG", "photo.png", "noext", ".hidden", "a.tar.gz", "dot.", "", "ü.ß", "x.svg"),
    *("agreement.pdf", "favicon.ico", "allowed.txt", ".emptyFolderPlaceholder", "a-b", "_", "%"),
)
TIMES = ("2001-02-03T04:05:06.789Z", "2019-12-31T23:59:59.999Z", "2400-02-29T00:00:00.000Z")
JSON_VALUES: tuple[Any, ...] = (
    *({}, {"size": 5}, {"size": "5"}, {"size": 5242881}, {"size": None}, {"size": 1.0}, {"size": "many"}),
    *({"mimetype": "image/png", "size": 9}, {"mimetype": "IMAGE/JPEG", "contentLength": 100000}),
    *({"department": "engineering"}, {"locked": True}, {"locked": "true"}, {"shared": True}, {"public": 1}),
    *({"hidden": None, "public": []}, {"visibility": {"level": 2}}, {"visibility": {"level": "x"}}),
    *({"visibility": []}, {"contentLength": -1}, {"contentLength": 1e30}, {"tags": ["x", 1, None, {}]}),
)
ODD_JSON_VALUES: tuple[Any, ...] = (None, True, False, 5, -0.0, 1e20, "text", "", [], ["public"], [[1], {}])
LITERAL = re.compile(r"'((?:[^']|'')*)'")


def words_of(policies: str) -> list[str]:
    """List the text literals of `policies` without LIKE's wildcards."""
    return [text.replace("''", "'").strip("%") for text in LITERAL.findall(policies)]


class Population:
    """A source of rows and callers. words: literals of the policies they are meant for."""

    def __init__(self, random: Random, words: Sequence[str]) -> None:
        self._random = random
        self._words = [word for word in words if word and len(word) < 200]
        self._places = [word for word in self._words if re.fullmatch(r"[a-z][a-z0-9_-]*", word)] or PLACES

    def world(self, *, buckets: int, objects: int, odd_json: bool = False) -> World:
        """Return rows of every table; objects lie in the world's buckets and have names of their own."""
        ids = self._bucket_ids(buckets)
        found: dict[tuple[str, str], Row] = {}
        for _ in range(objects):
            row = self.object_row(self._random.choice(ids), odd_json=odd_json)
            found[row["bucket_id"], row["name"]] = row
        names = [row["name"] for row in found.values()]
        return {
            BUCKETS: [self.bucket_row(each) for each in ids],
            OBJECTS: list(found.values()),
            **self.declared(names),
        }

    def bucket_row(self, bucket_id: str) -> Row:
        """Return a bucket called `bucket_id`."""
        choose = self._random.choice
        return {
            "id": bucket_id,
            "name": bucket_id,
            "owner_id": choose((None, "", "somebody", *USERS)),
            "public": choose((True, False)),
            "type": "STANDARD",
            "file_size_limit": choose((None, 0, 1048576, 2**40)),
            "allowed_mime_types": choose((None, [], ["image/png"], ["image/*", "text/plain"])),
            "versioning_status": "DISABLED",
            "created_at": choose(TIMES),
            "updated_at": choose(TIMES),
        }

    def object_row(self, bucket_id: str | None = None, *, odd_json: bool = False) -> Row:
        """Return an object. odd_json: its JSON may be of any type."""
        choose = self._random.choice
        values = (*JSON_VALUES, *ODD_JSON_VALUES) if odd_json else JSON_VALUES
        user_metadata = choose((None, *values))
        return {
            "id": str(uuid.UUID(int=self._random.getrandbits(128), version=4)),
            "bucket_id": choose(self._places) if bucket_id is None else bucket_id,
            "name": self.name(),
            "owner_id": choose((None, "", "somebody", USERS[0].upper(), USERS[0][:-1], *USERS, *USERS)),
            "version": str(self._random.getrandbits(32)),
            "blob_id": None,
            "metadata": json.dumps(choose(values)),
            "user_metadata": None if user_metadata is None else json.dumps(user_metadata),
            "created_at": choose(TIMES),
            "updated_at": choose(TIMES),
            "last_accessed_at": choose(TIMES),
        }

    def new_object_row(self, world: World) -> Row:
        """Return an object in a bucket of `world` that has no object of that name."""
        bucket_id = self._random.choice(world[BUCKETS])["id"]
        taken = {row["name"] for row in world[OBJECTS] if row["bucket_id"] == bucket_id}
        rows = (self.object_row(bucket_id) for _ in count())
        return next(row for row in rows if row["name"] not in taken)

    def name(self) -> str:
        """Return the name of an object: mostly a path of words that policies ask for."""
        roll = self._random.random()
        if roll < 0.15 and self._words:
            return self._random.choice(self._words)
        segments = [self._segment() for _ in range(self._random.choice((0, 1, 1, 1, 2, 2, 3, 5)))]
        return "/".join([*segments, self._file()]) or "x"

    def caller(self) -> Caller:
        """Return a caller whose subject is a uuid or missing; other claims may be of any type."""
        role = self._random.choice(("authenticated",) * 6 + ("anon",) * 3 + ("service_role",))
        subject = self._random.choice((None, *USERS, *USERS[:2])) if role == "authenticated" else None
        operation = self._random.choice(
            ("storage.object.list", "storage.object.get_authenticated", "object.get_authenticated_info", "")
        )
        return Caller(role=role, subject=subject, claims=self._claims(), operation=operation)

    def hostile_caller(self, *, through_the_door: bool = False) -> Caller:
        """Return a caller whose token is not what policies expect. through_the_door: as a request can be."""
        subjects = ("nobody", "42", "' or true --", USERS[0].upper(), f"{{{USERS[0]}}}", f" {USERS[0]}", "%")
        honest = self.caller()
        role = self._random.choice(("authenticated", "authenticated", "anon"))
        overrides: dict[str, str] = {}
        if not through_the_door and self._random.random() < 0.5:
            overrides = {"request.jwt.claim.sub": "", "request.jwt.claims": self._random.choice(_BAD_CLAIMS)}
        return Caller(
            role=role,
            subject=self._random.choice(subjects),
            claims=honest.claims,
            operation=honest.operation,
            overrides=overrides,
        )

    def _bucket_ids(self, count: int) -> list[str]:
        candidates = sorted({*self._places, *PLACES})
        return self._random.sample(candidates, min(count, len(candidates)))

    def _segment(self) -> str:
        roll = self._random.random()
        if roll < 0.35:
            return self._random.choice((*USERS, *USERS[:2], *GROUPS))
        if roll < 0.7 and self._words:
            return self._random.choice(self._words)
        return self._random.choice(SEGMENTS)

    def _file(self) -> str:
        roll = self._random.random()
        if roll < 0.2:
            return self._random.choice(USERS) + self._random.choice(("", ".jpg", "-1.png"))
        if roll < 0.45 and self._words:
            return self._random.choice(self._words)
        return self._random.choice(FILES)

    def _claims(self) -> dict[str, Any]:
        choose = self._random.choice
        words = (*(self._words or ["admin"]), "admin")
        app_metadata = {
            "role": choose((*words, None, 5)),
            "teams": choose(([], ["a", "public"], [choose(words)], "a", {"a": 1}, [1, None])),
            "clearance": choose((0, 2, "3", " 4 ", "high", None)),
            "is_super_admin": choose((True, False, "true", "maybe", None)),
        }
        claims: dict[str, Any] = {
            "aal": choose(("aal1", "aal2")),
            "amr": choose(([], [{"provider": "sso"}], [{"method": "otp"}])),
            "is_anonymous": choose((True, False, "yes", "perhaps", None)),
            "tenant_id": choose((*words, *USERS)),
            "email": choose(
                ("boss@example.com", "CEO@Example.com", "ceo@example.com", "a@example.org", "", 7)
            ),
            "plan": choose(("pro", "", None)),
            "app_metadata": choose((app_metadata, app_metadata, app_metadata, None, [], "x")),
        }
        return {name: value for name, value in claims.items() if self._random.random() < 0.7}

    def declared(self, names: Sequence[str]) -> dict[str, list[Row]]:
        """Return rows of the corpus' own tables; some mention objects by their names."""
        members = [self._member(group, user) for group in GROUPS for user in USERS[:3]]
        return {
            "public.profiles": [self._profile(user, names) for user in USERS[:3]],
            "public.org_members": self._random.sample(members, len(members) // 2),
            "public.projects": [self._project(number, names) for number in range(4)],
            "public.attachments": [self._attachment(number, names) for number in range(6)],
        }

    def _profile(self, user: str, names: Sequence[str]) -> Row:
        choose = self._random.choice
        return {
            "id": user,
            "role": choose(("admin", "manager", "editor", "user", None)),
            "is_admin": choose((True, False, None)),
            "name": choose((None, *names[:3])),
            "org_id": choose((None, *GROUPS)),
            "created_at": choose(TIMES),
        }

    def _member(self, group: str, user: str) -> Row:
        choose = self._random.choice
        return {
            "org_id": group,
            "user_id": user,
            "role": choose(("member", "owner")),
            "status": choose(("active", "invited")),
            "left_at": choose((None, *TIMES)),
        }

    def _project(self, number: int, names: Sequence[str]) -> Row:
        choose = self._random.choice
        return {
            "id": choose((*USERS, *GROUPS)) if number == 0 else _id(number),
            "owner_id": choose((None, *USERS)),
            "name": choose((None, "", *names[:5])),
            "org_id": choose((None, *GROUPS)),
        }

    def _attachment(self, number: int, names: Sequence[str]) -> Row:
        choose = self._random.choice
        return {
            "id": _id(number),
            "file_path": choose((None, *names)),
            "owner_id": choose((None, *USERS)),
            "status": choose(("draft", "final", None)),
        }


def _id(number: int) -> str:
    return str(uuid.UUID(int=number, version=4))


_BAD_CLAIMS = (
    "",
    "{}",
    "not json",
    '"text"',
    "[]",
    "5",
    "null",
    '{"sub": 5}',
    '{"sub": null}',
    '{"sub": true}',
    '{"sub": {}}',
    '{"sub": ""}',
    '{"sub": " "}',
    '{"sub": "x", "sub": "' + USERS[0] + '"}',
    '{"sub": "' + USERS[0] + '", "role": 5, "app_metadata": {"role": "admin"}}',
    '{"sub": "\\u0000"}',
    '{"email": ["boss@example.com"], "sub": "nobody"}',
)
