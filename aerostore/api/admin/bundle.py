"""The files of the built admin UI, as they lie in the package, and which form of one a browser takes."""

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "admin_static"
INDEX = "index.html"
# Names of files here hold a hash of the content: such a name never means anything else.
_HASHED = "assets/"
_CODINGS = {"br": ".br", "gzip": ".gz"}
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".json": "application/json"}
_TEXT = ("text/", "application/json", "image/svg+xml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file. encoded: its bytes by content coding, `identity` among them."""

    content_type: str
    is_hashed: bool
    encoded: Mapping[str, bytes]

    def best_for(self, accepted: str) -> tuple[str, bytes]:
        """Return the coding and the bytes for an Accept-Encoding. Source: RFC 9110 section 12.5.3."""
        welcome = {_coding_of(part) for part in accepted.lower().split(",")}
        coding = next((each for each in _CODINGS if each in welcome and each in self.encoded), "identity")
        return coding, self.encoded[coding]


class Bundle:
    """The built UI in `folder`; read once, and looked for again as long as there is none."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._assets: Mapping[str, Asset] = {}

    def is_built(self) -> bool:
        """Tell whether there is a UI to serve."""
        return INDEX in self.assets()

    def assets(self) -> Mapping[str, Asset]:
        """Return the files by their path below the folder, empty without an index."""
        if not self._assets and (self._folder / INDEX).is_file():
            self._assets = _read(self._folder)
        return self._assets


def _read(folder: Path) -> dict[str, Asset]:
    """Read the files whose names are theirs alone: compressed forms go with what they were made of."""
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {
        name: _asset(name, paths)
        for name in paths
        if not name.startswith(".") and not name.endswith(tuple(_CODINGS.values()))
    }


def _asset(name: str, paths: Mapping[str, Path]) -> Asset:
    encoded = {"identity": paths[name].read_bytes()}
    for coding, suffix in _CODINGS.items():
        if name + suffix in paths:
            encoded[coding] = paths[name + suffix].read_bytes()
    return Asset(content_type=_type_of(name), is_hashed=name.startswith(_HASHED), encoded=encoded)


def _type_of(name: str) -> str:
    """Return the Content-Type. The system's own table of types may say anything of scripts."""
    suffix = Path(name).suffix
    found = _TYPES.get(suffix) or mimetypes.guess_type(name, strict=True)[0] or "application/octet-stream"
    return f"{found}; charset=utf-8" if found.startswith(_TEXT) else found


def _coding_of(part: str) -> str:
    """Return the coding that a part of Accept-Encoding welcomes, nothing when its weight is zero."""
    coding, _, weight = part.partition(";")
    value = weight.strip().removeprefix("q=").strip()
    is_refused = bool(value) and not value.strip("0.")
    return "" if is_refused else coding.strip()
