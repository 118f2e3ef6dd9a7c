"""The conformance suite: call any CDS Hooks service as a client would, and say where it departs from the standard.

The requirements are the numbered rows of our reading of CDS Hooks 2.0.1 (with the additive parts of 3.0.0-ballot) and
the requirement ids of Inferno's `cds-hooks_2.0` set. Evidence is gathered first, by `visit`; each check is then a
function of that evidence alone.
"""

from service.conformance.catalogue import CHECKS
from service.conformance.command import Assignment, run
from service.conformance.model import Check, Level, Result, Verdict

__all__ = ["CHECKS", "Assignment", "Check", "Level", "Result", "Verdict", "run"]
