"""The environment of the process: read here and nowhere else, and written for one library alone."""

import os
from collections.abc import Mapping
from pathlib import Path

PREFIX = "UPA_CDS_"


def environment() -> Mapping[str, str]:
    """Give the environment variables of this process."""
    return os.environ


def variable_name(name: str) -> str:
    """Name the environment variable of a setting."""
    return PREFIX + name.upper()


def default_data_dir(environ: Mapping[str, str]) -> Path:
    """Name the folder for what the service keeps (XDG Base Directory Specification, XDG_STATE_HOME)."""
    state = Path(environ.get("XDG_STATE_HOME", ""))
    return (state if state.is_absolute() else Path.home() / ".local" / "state") / "upa-cds"


def share_metrics(folder: Path) -> None:
    """Have prometheus-client, which only an environment variable can tell, share its numbers between processes."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
