"""What a power cut has left, looked at without a server: rows, bytes, events and secrets."""

import hashlib
import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash.invariants import Place, check_invariants
from tests.crash.ledger import History, in_order

from .image import Image, StoredFile

DATA = "data"
SECRETS = ("jwt_secret", "signing_key")
_OBJECTS = """
    SELECT o.name, b.sha256 FROM storage_objects AS o JOIN storage_blobs AS b ON b.id = o.blob_id
"""
_EVENTS = "SELECT type, name FROM storage_events ORDER BY seq"


@dataclass(slots=True)
class Surveyor:
    """Looks at images below `directory`, one after the other; what many have in common is read once."""

    directory: Path
    _digests: dict[str, str] = field(default_factory=dict)
    _count: int = 0

    def write(self, image: Image) -> Place:
        """Write `image` out and return where."""
        shelf = self.directory / "shelf"
        shelf.mkdir(parents=True, exist_ok=True)
        self._count += 1
        return Place(image.write_to(self.directory / f"image-{self._count}", shelf) / DATA)

    def forget(self, place: Place) -> None:
        """Remove what `write` made."""
        shutil.rmtree(place.data_dir.parent)

    def check_bytes(self, image: Image) -> None:
        """Check that a key never leads to other bytes than those that it is named after."""
        for path, file in image.files.items():
            if path.startswith(f"{DATA}/blobs/sha256/"):
                name = path.rpartition("/")[2].partition(".")[0]
                assert self._digest(file) == name, f"{path} holds {len(file.content)} other bytes"

    def _digest(self, file: StoredFile) -> str:
        if not file.label:
            return hashlib.sha256(file.content).hexdigest()
        if file.label not in self._digests:
            self._digests[file.label] = hashlib.sha256(file.content).hexdigest()
        return self._digests[file.label]


def check_rows(place: Place) -> None:
    """Recover the database as a server would, and check rows, references and bytes."""
    with closing(sqlite3.connect(place.data_dir / "aerostore.db")) as database:
        database.execute("PRAGMA synchronous = OFF")  # it has survived already
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    check_invariants(place)


def read_histories(place: Place, labels: Iterable[str]) -> dict[str, History]:
    """Read what is there of each client: objects, and the events of its names."""
    objects, events = place.rows(_OBJECTS), place.rows(_EVENTS)
    return {
        label: History(
            {name: digest for name, digest in objects if name.startswith(f"{label}/")},
            in_order((kind, name) for kind, name in events if name.startswith(f"{label}/")),
        )
        for label in labels
    }


def read_secrets(place: Place) -> dict[str, str]:
    """Read the generated secrets that are there."""
    paths = {name: place.data_dir / name for name in SECRETS}
    return {name: path.read_text("utf-8") for name, path in paths.items() if path.exists()}
