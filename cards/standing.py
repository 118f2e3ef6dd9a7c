"""What every card of a rule says, whoever the patient is: worked out once for each catalogue."""

from collections.abc import Sequence
from datetime import date

import msgspec

from cards.catalogue import Catalogue
from cards.model import Coding, Paragraph
from cards.schema.part import Approval, Topic
from cards.schema.rules import Label, Rule
from cards.text import listed


class Standing(msgspec.Struct, frozen=True):
    """The parts of a rule's card that neither the record nor the day changes, for one label.

    `footer` says what was checked, and by which version. `approvals` are those of the rule and of the evidence that it
    uses.
    """

    rule: Rule
    label: Label
    topic: Coding
    reasons: tuple[Coding, ...]
    loud: tuple[Paragraph, ...]
    footer: str
    approvals: tuple[Approval, ...]

    def approved(self, on: date) -> bool:
        """Say whether the rule and every evidence entry that it uses are approved on a day."""
        return all(approval.holds(on) for approval in self.approvals)


def standing(catalogue: Catalogue, key: str, subject: str, jurisdiction: str, disabled: frozenset[str]) -> Standing:
    """Return what stands on each card of a rule on a subject drug; to be asked for by `Catalogue.once`."""
    rule, lines = catalogue.rules[key], catalogue.wording.lines
    return Standing(
        rule,
        catalogue.jurisdictions[jurisdiction].labels[subject],
        topic(catalogue, rule.topic),
        reasons(catalogue, rule.override_reasons),
        (Paragraph(lines["pitfalls"], drop=2), Paragraph(lines["proceed"], drop=1)),
        footer(catalogue, jurisdiction, disabled),
        (rule.approval, *(catalogue.evidence[each].approval for each in rule.evidence)),
    )


def footer(catalogue: Catalogue, jurisdiction: str, disabled: frozenset[str]) -> str:
    """Return the sentences that say what was checked, what was not, and by which version of the knowledge."""
    lines = catalogue.wording.lines
    scope = lines["scope"].format(subjects=subjects_in_words(catalogue, jurisdiction, disabled))
    return f"{scope} {lines['version'].format(version=catalogue.version)}"


def subjects_in_words(catalogue: Catalogue, jurisdiction: str, disabled: frozenset[str]) -> str:
    """Return the names of the subject drugs of the enabled rules."""
    return listed([catalogue.names[key] for key in catalogue.subjects_in(jurisdiction, disabled)])


def topic(catalogue: Catalogue, item: Topic) -> Coding:
    """Return a static topic as a Coding."""
    return Coding(catalogue.wording.topic_system, item.code, item.display)


def reasons(catalogue: Catalogue, keys: Sequence[str]) -> tuple[Coding, ...]:
    """Return override reasons as Codings."""
    return tuple(Coding(catalogue.override_system, key, catalogue.override_reasons[key].display) for key in keys)
