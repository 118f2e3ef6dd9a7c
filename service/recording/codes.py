"""Codes and their systems: public ones are kept if they have the form of their system, local ones are hashed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cards.model import System
from service.fhir import systems
from service.recording.policy import Policy
from service.recording.scalars import as_text
from service.recording.words import Vocabulary, masked

LOCAL_SYSTEM = "https://local.invalid/"
_SNOMED = "http://snomed.info/sct"


@dataclass(frozen=True, slots=True)
class Codes:
    """Rewrites the codes of one call."""

    policy: Policy
    vocabulary: Vocabulary
    hashed: Callable[[str], str]

    def system(self, address: str) -> str:
        """Keep the address of a public system as it is written; an edition of SNOMED CT is SNOMED CT."""
        if self._is_listed(address):
            return address
        known = systems.system_of(address)
        if known is None and systems.is_local(address, self.vocabulary.local):
            return address
        if known is None:
            return LOCAL_SYSTEM + self.hashed(address.removeprefix(LOCAL_SYSTEM))
        return _SNOMED if known is System.SNOMED and "sct/" in address else address

    def code(self, address: Any, code: Any) -> Any:
        """Keep a code of FHIR, or one that has the form of its public system; None for what is no code."""
        text = as_text(code)
        if text is None:
            return None
        return code if self._is_public(address if isinstance(address, str) else "", text) else self.hashed(text)

    def _is_public(self, address: str, text: str) -> bool:
        if text.strip().lower() in self.policy.codes or text in self.vocabulary.addresses:
            return True
        known = systems.system_of(address) if address else None
        if known is None and self.vocabulary.local and systems.codes(address, text, self.vocabulary.local):
            # The site named it as that of a drug, and without it a replay would not know the drug.
            return True
        shape = self.policy.shape_of_code.get(known) if known else None
        if shape and shape.fullmatch(text.strip().upper()):
            return True
        return self._is_listed(address) and masked(text, self.vocabulary.card, str) == text

    def _is_listed(self, address: str) -> bool:
        return address in self.policy.systems or address in self.vocabulary.addresses
