"""The files that pages load: style sheets, scripts and pictures of every package that has a folder `static`.

Their address holds a hash of all of them, so a browser may keep them for ever and never mixes two versions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files

TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Assets:
    """The content of each file by its name, `<package>/<file>`, and the hash over all of them (hexadecimal)."""

    content: Mapping[str, bytes]
    digest: str

    def address(self, name: str) -> str:
        """Give the address of a file below the root of the service. Raises KeyError for one that is not there."""
        if name not in self.content:
            raise KeyError(name)
        return f"static/{self.digest}/{name}"


def media_type(name: str) -> str:
    """Give the media type of a file by the ending of its name. Raises KeyError for one that no page loads."""
    return TYPES[name.rpartition(".")[2]]


@cache
def assets() -> Assets:
    """Read the files once for this process."""
    content: dict[str, bytes] = {}
    for package in sorted(files("service").iterdir(), key=lambda folder: folder.name):
        folder = package / "static"
        if folder.is_dir():
            found = (file for file in folder.iterdir() if file.name.rpartition(".")[2] in TYPES)
            content |= {f"{package.name}/{file.name}": file.read_bytes() for file in found}
    hashed = sha256()
    for name in sorted(content):
        hashed.update(f"{name}\0{len(content[name])}\0".encode() + content[name])
    return Assets(content, hashed.hexdigest()[:16])
