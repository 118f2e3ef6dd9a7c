"""The first, cheap look at a resource: what it is, whose it is, and all that says which drug or problem it names.

A typed decode reads only these fields. Where a resource breaks their types, it is read again with every value bent into
shape or left out, so that a resource is never lost to a wrong type.
"""

import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from service import strict_json


class Coding(msgspec.Struct):
    """FHIR Coding."""

    system: str | None = None
    code: str | None = None
    display: str | None = None


class Concept(msgspec.Struct):
    """FHIR CodeableConcept."""

    coding: list[Coding] | None = None
    text: str | None = None


class Reference(msgspec.Struct):
    """FHIR Reference."""

    reference: str | None = None
    display: str | None = None


class EitherMedication(msgspec.Struct):
    """R5 CodeableReference, or a CodeableConcept or Reference in its place."""

    concept: Concept | None = None
    reference: Reference | str | None = None
    coding: list[Coding] | None = None
    text: str | None = None
    display: str | None = None


class Dosage(msgspec.Struct, rename="camel"):
    """Where a dose goes; the site of DSTU2 is a choice."""

    text: str | None = None
    route: Concept | None = None
    site: Concept | None = None
    site_codeable_concept: Concept | None = None


class Ingredient(msgspec.Struct, rename="camel"):
    """Medication.ingredient."""

    item_codeable_concept: Concept | None = None
    item_reference: Reference | None = None
    item: EitherMedication | None = None


class Product(msgspec.Struct):
    """Medication.product, where DSTU2 has form and ingredients."""

    form: Concept | None = None
    ingredient: list[Ingredient] | None = None


class Content(msgspec.Struct, rename="camel"):
    """Medication.package.content: `item[x]` in STU3, a Reference `item` in DSTU2; later versions have no packages."""

    item_codeable_concept: Concept | None = None
    item_reference: Reference | None = None
    item: EitherMedication | None = None


class Package(msgspec.Struct):
    """Medication.package."""

    content: list[Content] | None = None


class MedicationScan(msgspec.Struct, rename="camel"):
    """A Medication, as far as it says which drug it is, with what it contains; a Substance has a code too."""

    resource_type: str | None = None
    id: str | None = None
    code: EitherMedication | None = None
    form: Concept | None = None
    dose_form: Concept | None = None
    ingredient: list[Ingredient] | None = None
    product: Product | None = None
    package: Package | None = None
    contained: "list[MedicationScan] | None" = None
    modifier_extension: Any = None
    implicit_rules: Any = None


class Reaction(msgspec.Struct):
    """AllergyIntolerance.reaction."""

    substance: Concept | list[Concept] | None = None


class Scan(msgspec.Struct, rename="camel"):
    """The fields that the first look needs, of every type of resource that we read."""

    resource_type: str | None = None
    id: str | None = None
    status: str | Concept | None = None
    intent: str | None = None
    do_not_perform: bool | None = None
    subject: Reference | None = None
    patient: Reference | None = None
    medication_codeable_concept: Concept | None = None
    medication_reference: Reference | None = None
    medication: EitherMedication | None = None
    code: EitherMedication | None = None
    dosage_instruction: list[Dosage] | None = None
    dosage: list[Dosage] | Dosage | None = None
    substance: Concept | None = None
    reaction: list[Reaction] | None = None
    contained: list[MedicationScan] | None = None


# Raw takes no part in a union, so an absent member is a JSON null.
NOTHING = msgspec.Raw(b"null")


class Glance(msgspec.Struct, rename="camel"):
    """What most medication resources and problems say of their drug or problem: one concept and nothing else."""

    medication_codeable_concept: Concept | None = None
    code: EitherMedication | None = None
    medication: msgspec.Raw = NOTHING
    medication_reference: msgspec.Raw = NOTHING

    @property
    def drug(self) -> Concept | None:
        """Return the concept of the drug where nothing else names one."""
        alone = self.medication is NOTHING and self.medication_reference is NOTHING
        return self.medication_codeable_concept if alone else None


class Peek(msgspec.Struct, rename="camel"):
    """The type of a resource."""

    resource_type: str | None = None
    id: str | None = None


class Resource(msgspec.Struct, frozen=True):
    """A delivered resource that nobody has read yet: its type, its JSON, and the address that its Bundle gave it.

    `seen` is what a glance at it showed where the Bundle was opened.
    """

    kind: str
    raw: msgspec.Raw
    id: str | None = None
    url: str | None = None
    seen: Glance | None = None


T = TypeVar("T", bound=msgspec.Struct)
_GLANCE = msgspec.json.Decoder(Glance)
_DECODERS: dict[type[msgspec.Struct], msgspec.json.Decoder[Any]] = {}


def decode(raw: msgspec.Raw | bytes, shape: type[T]) -> T | None:
    """Decode JSON into a shape, bending what does not fit; None where it is no JSON object."""
    decoder = _DECODERS.get(shape) or _DECODERS.setdefault(shape, msgspec.json.Decoder(shape))
    try:
        result: T = decoder.decode(raw)
    except msgspec.ValidationError:
        return bent(_loose(raw), shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return result


def glance(raw: msgspec.Raw) -> Glance | None:
    """Look at nothing but the concept of a resource; None where that is not all to be seen, or not in its shape."""
    try:
        return _GLANCE.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def of(resource: Mapping[str, Any], shape: type[T]) -> T | None:
    """Read a parsed resource into a shape, as `decode` does."""
    try:
        return msgspec.convert(resource, shape)
    except msgspec.ValidationError:
        return bent(resource, shape)


def _loose(raw: msgspec.Raw | bytes) -> object:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def bent(value: object, shape: type[T]) -> T | None:
    """Bend a value into a shape: one for a list, a number for a text; what does not bend is left out."""
    if not isinstance(value, Mapping):
        return None
    known: dict[str, Any] = {}
    for name, (wire_name, wanted) in _fields(shape).items():
        if (member := value.get(wire_name)) is not None:
            known[name] = _bend(member, wanted)
    return shape(**known)


_FIELDS: dict[type[msgspec.Struct], dict[str, tuple[str, tuple[Any, ...]]]] = {}


def _fields(shape: type[msgspec.Struct]) -> dict[str, tuple[str, tuple[Any, ...]]]:
    if shape not in _FIELDS:
        hints = typing.get_type_hints(shape)
        names = zip(shape.__struct_fields__, shape.__struct_encode_fields__, strict=True)
        _FIELDS[shape] = {name: (wire_name, _choices(hints[name])) for name, wire_name in names}
    return _FIELDS[shape]


def _choices(hint: Any) -> tuple[Any, ...]:
    parts = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return tuple(part for part in parts if part is not type(None))


def _bend(value: object, wanted: tuple[Any, ...]) -> Any:
    for choice in wanted:
        if (result := _bend_to(value, choice)) is not None:
            return result
    return None


def _bend_to(value: object, choice: Any) -> Any:
    if typing.get_origin(choice) is list:
        parts = value if isinstance(value, list) else [value]
        return [part for item in parts if (part := _bend(item, typing.get_args(choice))) is not None] or None
    if choice is Any:
        return value
    if choice is bool:
        return value if isinstance(value, bool) else {"true": True, "false": False}.get(str(value).lower())
    if choice is str:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return value if isinstance(value, str) else str(value) if number else None
    # An object is often sent where FHIR wants one of a list, and a list of one where it wants an object.
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, str) and value:
        return _from_text(value, choice)
    return bent(value, choice)


def _from_text(text: str, choice: Any) -> Any:
    """Take a bare text in place of a concept as its text, in place of a reference as the reference."""
    if choice in (Concept, EitherMedication):
        return choice(text=text)
    return Reference(reference=text) if choice is Reference else None


def parsed(raw: msgspec.Raw | bytes, where: str) -> dict[str, Any] | None:
    """Parse a resource strictly, for the second look; None where it is no object.

    Raises InvalidRequest for JSON that different readers would read differently.
    """
    value = strict_json.loads(bytes(raw), where)
    return value if isinstance(value, dict) else None
