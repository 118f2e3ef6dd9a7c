"""An answer in words: what was read, as what, which dates and windows decided, what was ignored and why.

Built from the very Assessment that made the cards. It holds patient data: the command line, tests and the sandbox page
show it, a response never does.
"""

from service.explain.explanation import NO_FHIR, explain_request, explanation
from service.explain.text import as_text

__all__ = ["NO_FHIR", "as_text", "explain_request", "explanation"]
