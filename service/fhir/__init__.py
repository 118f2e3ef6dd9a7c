"""FHIR resources of any shape to facts; FHIR JSON stops here.

Reading has two steps. The first (`scan_drafts`, the first look of `read_chart`) is a typed decode of the few fields
that name a drug or a problem. The second parses only what is of interest with the models of its FHIR version, and what
they refuse is repaired, marked and counted, never dropped.
"""

from service.fhir.bundles import Delivery, open_value
from service.fhir.chart import ChartReading, read_chart, wanted_medications
from service.fhir.drafts import Draft, DraftFacts, Drafts, are_other_drugs, draft_facts, scan_drafts, service_texts
from service.fhir.library import MedicationLibrary
from service.fhir.scan import Resource
from service.fhir.versions import Writing, version_of_all

__all__ = [
    "ChartReading",
    "Delivery",
    "Draft",
    "DraftFacts",
    "Drafts",
    "MedicationLibrary",
    "Resource",
    "Writing",
    "are_other_drugs",
    "draft_facts",
    "open_value",
    "read_chart",
    "scan_drafts",
    "service_texts",
    "version_of_all",
    "wanted_medications",
]
