"""The word that the service is about to stop, from the process that hears the signal to the workers that it forked."""

import mmap


class Stopping:
    """One byte that all processes share; made before the workers are."""

    def __init__(self) -> None:
        """Nobody is about to stop."""
        self._byte = mmap.mmap(-1, 1)

    def begin(self) -> None:
        """Say it to every worker."""
        self._byte[0] = 1

    def __bool__(self) -> bool:
        """Tell whether it was said."""
        return self._byte[0] == 1


# Made when the first process imports this, so that every worker has it by being forked.
STOPPING = Stopping()
