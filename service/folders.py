"""Folders of this installation: made when they are first needed, for their user only."""

import os
from pathlib import Path

from service.errors import SettingsError


def prepared(setting: str, folder: Path) -> Path:
    """Return the folder that a setting names, made if there is none. Raises SettingsError if it cannot be used."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"{setting} {folder}: cannot be made ({error.strerror}). Give another folder.") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SettingsError(f"{setting} {folder}: cannot be written to. Make it writable, or give another folder.")
    return folder
