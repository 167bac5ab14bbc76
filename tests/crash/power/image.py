"""What a power cut leaves: files and folders by path, to be written out and looked at."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from .operation import ROOT, Entry, NameChange, Operation, Sync, Write


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Bytes. label: the same for the same bytes of the same disk; empty when nothing is known of them."""

    content: bytes | bytearray
    label: str = ""


@dataclass(slots=True)
class Image:
    """A whole disk. lost: what was on its way and is not there, in words."""

    files: dict[str, StoredFile] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def write_to(self, directory: Path, shelf: Path | None = None) -> Path:
        """Write everything below `directory`, which is made; return it.

        shelf: where files below a `blobs` folder are kept to be linked: nobody writes into those.
        """
        directory.mkdir(parents=True)
        for path in sorted(self.folders):
            (directory / path).mkdir(0o700)
        for path, file in self.files.items():
            if shelf is not None and file.label and "/blobs/" in path:
                os.link(_shelved(shelf, file), directory / path)
            else:
                (directory / path).write_bytes(file.content)
        return directory

    def below(self, folder: str) -> "Image":
        """Return the part of it that is in `folder`, under the same paths."""
        return Image(
            files={path: file for path, file in self.files.items() if path.startswith(f"{folder}/")},
            folders=[path for path in self.folders if f"{path}/".startswith(f"{folder}/")],
            lost=self.lost,
        )

    def as_history(self) -> list[Operation]:
        """Return operations that make this disk, all of it durable: where the next life begins."""
        inodes = {"": ROOT}
        history: list[Operation] = []
        for path in (*sorted(self.folders), *self.files):
            parent, _slash, name = path.rpartition("/")
            inode = inodes[path] = len(inodes) + 1
            verb = "create" if path in self.files else "mkdir"
            history.append(NameChange(verb, (Entry(inodes[parent], name, inode),)))
            if path in self.files:
                history.append(Write(inode, 0, bytes(self.files[path].content)))
        return history + [Sync(inode) for inode in inodes.values()]


def _shelved(shelf: Path, file: StoredFile) -> Path:
    path = shelf / file.label
    if not path.exists():
        path.write_bytes(file.content)
    return path
