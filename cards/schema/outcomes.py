"""`outcomes.yaml`: what states how an earlier treatment ended."""

from collections.abc import Mapping

from pydantic import Field

from cards.model import Outcome
from cards.schema.part import CodeLists, Strict, Text, Verification


class StatedReason(Strict):
    """What states an outcome: codes of stop reasons, else phrases that are looked up as whole words in their text."""

    name: Text
    codes: CodeLists = Field(default_factory=dict)
    phrases: tuple[Text, ...] = ()
    verification: Verification
    sources: tuple[Text, ...] = ()
    note: Text | None = None


class OutcomesFile(Strict):
    """`outcomes.yaml`. A text that holds one of the `dismissing` words states nothing."""

    outcomes: Mapping[Outcome, StatedReason]
    dismissing: tuple[Text, ...]
