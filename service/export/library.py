"""The Library: one list of all that belongs together, with the hash and the sources of the knowledge."""

from collections.abc import Iterable

from service.export.frame import URN, Frame, Json
from service.export.value_sets import texts


def library(frame: Frame, artifacts: Iterable[Json]) -> Json:
    """Write the Library that these artifacts make up, in their order."""
    known = frame.catalogue
    manifest = known.manifest
    composed = [{"type": "composed-of", "resource": f"{item['url']}|{item['version']}"} for item in artifacts]
    words = {"other-drug-after": known.recognition.other_drug_after, "dismissing": known.dismissing}
    sources = [
        {"type": "documentation", "label": f"{item.system.value}: {item.release}", "display": item.source}
        for item in manifest.terminologies
    ]
    return frame.artifact(
        "Library",
        manifest.id,
        manifest.title,
        manifest.approval,
        identifier=[{"system": f"{URN}:knowledge-sha256", "value": known.sha256}],
        type={"coding": [{"system": "http://terminology.hl7.org/CodeSystem/library-type", "code": "asset-collection"}]},
        description=(
            "What upadacitinib-cds knows: value sets by ingredient, class, rule and problem, and a plan definition for "
            "each rule. A text names a drug by whole words, and not after one of the words of kind other-drug-after; a "
            "stop reason in words states nothing where a word of kind dismissing stands in it."
        ),
        extension=texts(frame, **words),
        relatedArtifact=[*composed, *sources],
    )
