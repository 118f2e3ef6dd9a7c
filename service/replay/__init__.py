"""Hook replay: recorded calls answered again, and what differs by clinical meaning and in the burden of alerts."""

from service.replay.recorded_cases import (
    Outcome,
    Tried,
    against,
    answered,
    differences,
    in_process,
    replay,
    run,
    service_of,
)

__all__ = ["Outcome", "Tried", "against", "answered", "differences", "in_process", "replay", "run", "service_of"]
