"""A progress bar on standard error, where a person looks at it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


@contextmanager
def progress_bar() -> Iterator[Callable[[int, int], object]]:
    """Give a function that is told the finished tasks and all of them; in a file or a pipe nothing is written."""
    console = Console(stderr=True)
    columns = (TextColumn("screening"), BarColumn(), MofNCompleteColumn(), TextColumn("chunks"), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("screening", total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)
