"""How often workers may die before the service gives up, and ends for its supervisor to start anew.

granian has no setting for it: its serving loop ends where a worker dies within 5.5 seconds of taking another's place.
One call that kills a worker, sent again by its client, would so take down every other worker and all of their calls.
What the loop (granian/server/common.py, `_serve_loop`) looks up is `respawned_wrks`, when each worker was last
replaced; this stands there instead. A test with real processes shows that it is still asked.
"""

from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any

MOST_DEATHS, WITHIN_SECONDS = 10, 60.0


class Respawns(dict[int, float]):
    """Says of a worker that died that it was never replaced, unless MOST_DEATHS came before it WITHIN_SECONDS.

    Then it says "just now", and the server ends. A worker that cannot start at all dies so often in a second or two.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._deaths: deque[float] = deque(maxlen=MOST_DEATHS)

    def get(self, worker: int, default: Any = None) -> Any:  # noqa: ARG002 - all of them count together
        """Count the death of a worker, and say when it was replaced for the last time."""
        now = self._clock()
        many = len(self._deaths) == MOST_DEATHS and now - self._deaths[0] <= WITHIN_SECONDS
        self._deaths.append(now)
        return now if many else float("-inf")
