"""Facts in, cards out: the decision about upadacitinib combinations, free of FHIR, HTTP and the clock."""

from cards.catalogue import Catalogue
from cards.detect import Policy, Question
from cards.evaluate import Assessment, evaluate
from cards.load import KnowledgeError, load_catalogue
from cards.overlaid import Overlaid, load_overlaid
from cards.recognise import Recogniser

__all__ = [
    "Assessment",
    "Catalogue",
    "KnowledgeError",
    "Overlaid",
    "Policy",
    "Question",
    "Recogniser",
    "evaluate",
    "load_catalogue",
    "load_overlaid",
]
