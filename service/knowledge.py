"""The knowledge of a site: its folder or the packaged one, its overlay, and the hash that the settings pin."""

from pathlib import Path

from cards import Catalogue, KnowledgeError, Overlaid, load_catalogue, load_overlaid
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
    if overlay is None:
        return load_catalogue(folder), None
    return load_overlaid(folder, overlay, local_address)


def site_catalogue(settings: Settings) -> Catalogue:
    """Load the knowledge of a site, see `site_knowledge`."""
    return site_knowledge(settings)[0]
