"""The knowledge of a site: its folder or the packaged one, its overlay, and the hash that the settings pin."""

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from cards import Catalogue, KnowledgeError, Overlaid, load_catalogue, load_overlaid
from cards.load import SCHEMAS
from service.errors import InvalidRequest
from service.fhir.systems import local_address
from service.settings import Settings


def site_knowledge(settings: Settings) -> tuple[Catalogue, Overlaid | None]:
    """Load the knowledge that the settings name, with their overlay on it if they have one.

    Raises KnowledgeError with every problem of it, also where the hash is not the one that is pinned.
    """
    known, overlaid = read_knowledge(settings.knowledge, settings.overlay)
    pinned = settings.knowledge_sha256
    if pinned not in (None, known.sha256):
        problem = f"knowledge_sha256: the knowledge has the hash {known.sha256}, and the settings want {pinned}"
        remedy = "put back what was approved, or set the hash of what is approved now"
        raise KnowledgeError((f"{problem}; {remedy}",))
    return known, overlaid


def read_knowledge(folder: Path | None, overlay: Path | None) -> tuple[Catalogue, Overlaid | None]:
    """Load a folder of knowledge (None: the packaged one), with an overlay on it if one is named.

    Raises KnowledgeError with every problem of it.
    """
    if folder is not None:
        _refuse_other_folder(folder)
    if overlay is None:
        return load_catalogue(folder), None
    return load_overlaid(folder, overlay, local_address)


def _refuse_other_folder(folder: Path) -> None:
    """Say of a path that is no folder of knowledge at all just that, instead of missing every file of it."""
    if any((folder / name).exists() for name in SCHEMAS):
        return
    what = (
        "it holds no knowledge"
        if folder.is_dir()
        else "it is no folder"
        if folder.exists()
        else "there is no such folder"
    )
    raise KnowledgeError((f"{folder}: {what}; give a folder with {', '.join(SCHEMAS)}",))


def copy_knowledge(source: Path | None, folder: Path) -> int:
    """Copy the files of the knowledge in a folder (None: the packaged one) to where they can be changed; count them.

    The page that explains them comes along. Raises InvalidRequest where the folder is not empty or cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidRequest(f"{folder}: is there already. Give a new folder.")
    place: Traversable = source or resources.files("cards") / "knowledge"
    files = [file for name in (*SCHEMAS, "README.md") if (file := place / name).is_file()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            (folder / file.name).write_bytes(file.read_bytes())
    except OSError as error:
        raise InvalidRequest(f"{folder}: cannot be written ({error.strerror}). Give another folder.") from None
    return len(files)


def site_catalogue(settings: Settings) -> Catalogue:
    """Load the knowledge of a site, see `site_knowledge`."""
    return site_knowledge(settings)[0]
