"""What arrived with a call, by resource type and not by key, and what is missing from it.

Absent, empty, failed and unreadable are four different things (CDS Hooks 2.0.1, Prefetch Template): `null` and an empty
Bundle mean that there are no data, a missing key that nobody asked, an OperationOutcome that asking failed.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec
from msgspec.structs import replace

from cards.model import Gap
from service.discovery import PREFETCH
from service.fhir import Delivery, Resource, open_value
from service.wire import Deviation, HookRequest

_MEDICATION_KEYS = frozenset(key for key in PREFETCH if key.startswith("medication"))
_CONDITIONS_KEY = "conditions"
_ALLERGIES_KEY = "allergies"
_MEDICATION_TYPES = frozenset(
    {
        "MedicationRequest",
        "MedicationOrder",
        "MedicationStatement",
        "MedicationAdministration",
        "MedicationDispense",
    }
)


class Prefetched(msgspec.Struct, frozen=True):
    """The delivered resources, and what is known to be missing.

    `medications_obtained` says whether a medication list was delivered, even an empty one; without it, `gaps` says
    whether it was absent or failed. `deliveries` are the values by their key, as they were opened, and `singly` the
    resources that no key asks for.
    """

    resources: tuple[Resource, ...] = ()
    gaps: Mapping[Gap, int] = msgspec.field(default_factory=dict)
    deviations: tuple[Deviation, ...] = ()
    medications_obtained: bool = False
    conditions_supplied: bool = False
    allergies_supplied: bool = False
    deliveries: Mapping[str, Delivery] = msgspec.field(default_factory=dict)
    singly: tuple[Resource, ...] = ()

    def completed(self, deliveries: Mapping[str, Delivery]) -> "Prefetched":
        """Return what there is with further values, or better ones, as if they had come with the call.

        What the client sent amiss stays counted.
        """
        whole = _sorted_out({**self.deliveries, **deliveries})
        return replace(whole, deviations=self.deviations).joined(self.singly)

    def joined(self, resources: Iterable[Resource]) -> "Prefetched":
        """Return what there is with resources that no key asks for, say Medications."""
        added = tuple(resources)
        return replace(self, resources=(*self.resources, *added), singly=(*self.singly, *added))


def collect(request: HookRequest) -> Prefetched:
    """Sort the prefetch of a request. Never raises for what it may contain."""
    return _sorted_out({key: open_value(raw) for key, raw in (request.prefetch or {}).items()})


def _sorted_out(deliveries: Mapping[str, Delivery]) -> Prefetched:
    collection = _Collection()
    for key, delivery in deliveries.items():
        collection.add(key, delivery)
    collection.close()
    return Prefetched(
        tuple(collection.resources),
        dict(collection.gaps),
        tuple(collection.deviations),
        collection.medications,
        collection.conditions,
        collection.allergies,
        deliveries,
    )


class _Collection(msgspec.Struct):
    resources: list[Resource] = msgspec.field(default_factory=list)
    gaps: Counter[Gap] = msgspec.field(default_factory=Counter)
    deviations: list[Deviation] = msgspec.field(default_factory=list)
    medications: bool = False
    conditions: bool = False
    allergies: bool = False

    def add(self, key: str, delivery: Delivery) -> None:
        kinds = delivery.kinds
        self.resources += delivery.resources
        self._note_supplied(key, delivery, kinds)
        self._note_gaps(key, delivery, kinds)
        if delivery.wrapped:
            self.deviations.append(Deviation.PREFETCH_WRAPPED)
        if delivery.garbage:
            self.deviations.append(Deviation.PREFETCH_UNREADABLE)

    def _note_supplied(self, key: str, delivery: Delivery, kinds: frozenset[str]) -> None:
        answered = delivery.is_null or delivery.is_bundle
        if key in _MEDICATION_KEYS:
            self.medications = self.medications or answered
        elif key not in PREFETCH:
            self.medications = self.medications or delivery.is_bundle
        self.medications = self.medications or not kinds.isdisjoint(_MEDICATION_TYPES)
        self.conditions = self.conditions or (key == _CONDITIONS_KEY and answered) or "Condition" in kinds
        self.allergies = self.allergies or (key == _ALLERGIES_KEY and answered) or "AllergyIntolerance" in kinds

    def _note_gaps(self, key: str, delivery: Delivery, kinds: frozenset[str]) -> None:
        medication = key in _MEDICATION_KEYS or not kinds.isdisjoint(_MEDICATION_TYPES)
        condition = key == _CONDITIONS_KEY or "Condition" in kinds
        allergy = key == _ALLERGIES_KEY or "AllergyIntolerance" in kinds
        if delivery.broken:
            self.gaps.update(_of(medication, Gap.MEDICATIONS_FAILED, condition, Gap.CONDITIONS_FAILED))
        if delivery.paged:
            self.gaps.update(_of(medication, Gap.MEDICATIONS_PAGED, condition, Gap.CONDITIONS_PAGED))
        # The agent that a patient must not have may stand on the page that is missing.
        if allergy and (delivery.broken or delivery.paged):
            self.gaps[Gap.ALLERGIES_FAILED] += 1

    def close(self) -> None:
        """Name what nobody sent, where nothing says that asking for it failed."""
        if not self.medications and not self.gaps[Gap.MEDICATIONS_FAILED]:
            self.gaps[Gap.MEDICATIONS_ABSENT] = 1
        if not self.conditions and not self.gaps[Gap.CONDITIONS_FAILED]:
            self.gaps[Gap.CONDITIONS_ABSENT] = 1
        if not self.allergies and not self.gaps[Gap.ALLERGIES_FAILED]:
            self.gaps[Gap.ALLERGIES_ABSENT] = 1
        self.gaps = +self.gaps


def _of(medication: bool, medication_gap: Gap, condition: bool, condition_gap: Gap) -> list[Gap]:
    return [gap for gap, applies in ((medication_gap, medication), (condition_gap, condition)) if applies]
