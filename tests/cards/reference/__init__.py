"""A second opinion: sections 4 and 5 of the brief once more, plain and slow, written from the brief alone.

Nothing here looks at `cards.exposure`, `cards.problems` or `cards.detect`; it shares with them only the facts, the
knowledge and the question. Each clause is one small function under the words of the brief that it follows. A reading
that the brief leaves open is marked "Question:"; the answer given is the one that is safest for the patient.
"""

from tests.cards.reference.pairs import ExpectedPair, findings, pairs
from tests.cards.reference.states import states

__all__ = ["ExpectedPair", "findings", "pairs", "states"]
