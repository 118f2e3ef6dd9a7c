"""An export as a folder of files, the same bytes for the same knowledge, day and address."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from fhir.resources.R4B import get_fhir_model_class

from service.errors import InvalidRequest
from service.export.frame import Frame, Json, definitions
from service.export.library import library
from service.export.plan import plan_definitions
from service.export.read_back import lost
from service.export.value_sets import value_sets

_OURS = re.compile(r"(StructureDefinition|ValueSet|PlanDefinition|Library)-[A-Za-z0-9.-]+\.json")


class ExportError(InvalidRequest):
    """A folder that cannot be written, or that holds what is not of this export."""


def artifacts(frame: Frame) -> tuple[Json, ...]:
    """Write every artifact: definitions of extensions, ValueSets, PlanDefinitions, and the Library that lists them.

    Each is valid to the models of fhir.resources (R4B, which has the elements of R4 for these), and a recogniser made
    of them knows what one made of the knowledge does. Raises ExportError for knowledge that they cannot carry.
    """
    listed = (*definitions(frame), *value_sets(frame), *plan_definitions(frame))
    found = (*listed, library(frame, listed))
    if gone := lost(frame.catalogue, found):
        raise ExportError(f"Value sets cannot carry this knowledge: {', '.join(gone[:3])} would be known otherwise.")
    for item in found:
        get_fhir_model_class(item["resourceType"]).model_validate(item)
    return found


def files(frame: Frame) -> Mapping[str, bytes]:
    """Give the content of each file by its name."""
    return {
        f"{item['resourceType']}-{item['id']}.json": (json.dumps(item, indent=1, ensure_ascii=False) + "\n").encode()
        for item in artifacts(frame)
    }


def write(folder: Path, made: Mapping[str, bytes]) -> None:
    """Write the files into a folder, which is made if there is none.

    Raises ExportError, before anything is written, if artifacts of another export would stay beside them.
    """
    surplus = sorted(_present(folder).keys() - made.keys())
    if surplus:
        raise ExportError(f"{folder}: {surplus[0]} is not part of this export. Remove it, or give an empty folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in made.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise ExportError(f"{folder}: cannot be written ({error.strerror}). Give a folder of yours.") from error


def departures(folder: Path, made: Mapping[str, bytes]) -> tuple[str, ...]:
    """Say in what a folder differs from this export, a line for each file; nothing if it is current."""
    held = _present(folder)
    differing = dict.fromkeys(made.keys() - held.keys(), "missing")
    differing |= dict.fromkeys(held.keys() - made.keys(), "not part of this export")
    differing |= {name: "differs" for name in held.keys() & made.keys() if held[name] != made[name]}
    return tuple(f"{name}: {what}" for name, what in sorted(differing.items()))


def read(folder: Path) -> tuple[Json, ...]:
    """Read the artifacts of a folder, in the order of the knowledge: that in which the Library lists them."""
    held = [json.loads(content) for content in _present(folder).values()]
    (listing,) = (item for item in held if item["resourceType"] == "Library")
    listed = [item["resource"] for item in listing["relatedArtifact"] if item["type"] == "composed-of"]
    by_address = {item["url"]: item for item in held}
    return (*(by_address[address.rpartition("|")[0]] for address in listed), listing)


def _present(folder: Path) -> Mapping[str, bytes]:
    try:
        found = sorted(folder.iterdir()) if folder.exists() else []
        return {item.name: item.read_bytes() for item in found if _OURS.fullmatch(item.name)}
    except OSError as error:
        raise ExportError(f"{folder}: cannot be read ({error.strerror}). Give a folder of yours.") from error
