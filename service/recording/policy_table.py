"""The policy of de-identification for a reader: which elements of which type a recording may hold."""

from service.recording.policy import Policy

_OF_ALL = ("resourceType", "id", "meta", "contained", "modifierExtension", "implicitRules")


def policy_table(policy: Policy) -> str:
    """Name the kept elements of each type as a Markdown table; the kind of each is in `policy.yaml`."""
    rows = [f"| each type | {_listed(_OF_ALL)} |"]
    for kind, spec in policy.resources.items():
        rows.append(f"| {kind} | {_listed(tuple(name for name in spec if name not in _OF_ALL))} |")
    rows.append("| any other type | `resourceType`, `id` |")
    return "\n".join(("| Type | Kept |", "|---|---|", *rows))


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)
