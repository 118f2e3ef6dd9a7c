"""The policy of de-identification for a reader: which elements of which type a recording may hold."""

from service.recording.policy import Policy

_OF_ALL = ("resourceType", "id", "meta", "contained", "modifierExtension", "implicitRules")


_MEDICATION_ENTRIES = (
    "MedicationRequest", "MedicationOrder", "MedicationStatement", "MedicationAdministration", "MedicationDispense",
)  # fmt: skip


def policy_table(policy: Policy) -> str:
    """Name the kept elements of each type as a Markdown table; the kind of each is in `policy.yaml`.

    What all medication entries share is told once, and types that keep the same elements share a row.
    """
    shared = _shared(policy)
    own: dict[tuple[str, ...], list[str]] = {}
    for kind, spec in policy.resources.items():
        told = (*_OF_ALL, *(shared if shared <= spec.keys() else ()))
        own.setdefault(tuple(name for name in spec if name not in told), []).append(kind)
    common = tuple(name for name in policy.resources[_MEDICATION_ENTRIES[0]] if name in shared)
    rows = [
        f"| each type | {_listed(_OF_ALL)} |",
        f"| each order, statement, administration and dispense | {_listed(common)} |",
    ]
    rows += [f"| {', '.join(kinds)} | {_listed(names)} |" for names, kinds in own.items()]
    rows.append("| any other type | `resourceType`, `id` |")
    return "\n".join(("| Type | Kept |", "|---|---|", *rows))


def _shared(policy: Policy) -> frozenset[str]:
    kept = [frozenset(policy.resources[kind]) - frozenset(_OF_ALL) for kind in _MEDICATION_ENTRIES]
    return frozenset.intersection(*kept)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)
