"""The settings in words: the values in force, and the table of all that can be set."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from service.settings import CONFIG, FILE, FILE_ONLY, Settings, variable_name

DEFAULT_DATA_DIR = "`$XDG_STATE_HOME/upa-cds`, else `~/.local/state/upa-cds`"


def shown(settings: Settings) -> dict[str, str]:
    """Write every effective value for a reader; secrets are pydantic SecretStr and show as stars."""
    values = ((name, getattr(settings, name)) for name in Settings.model_fields)
    return {name: _written(value) for name, value in values}


def settings_table() -> str:
    """Describe every setting as a Markdown table: name, type, default, environment variable, meaning."""
    rows = ["| Setting | Type | Default | Environment variable | Meaning |", "|---|---|---|---|---|"]
    rows += [_row(name, field) for name, field in Settings.model_fields.items()]
    rows += [f"| `{CONFIG}` | file | none | `{variable_name(CONFIG)}` | TOML file with any of the settings above. |"]
    return "\n".join(rows) + "\n"


def _written(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_written(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, BaseModel):
        return _written({name: getattr(value, name) for name in type(value).model_fields})
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if value is None else str(value)


def _row(name: str, field: FieldInfo) -> str:
    place = "TOML file only" if name in FILE_ONLY else f"`{variable_name(name)}`"
    return f"| `{name}` | {_kind(field.annotation)} | {_default(name, field)} | {place} | {field.description} |"


def _kind(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(annotation))
    if any(FILE in getattr(part, "__metadata__", ()) for part in get_args(annotation)):
        return FILE
    kinds = {
        str: "text",
        bool: "true or false",
        int: "whole number",
        float: "number",
        Path: "folder",
        tuple: "list",
        Mapping: "table",
        SecretStr: "secret",
    }
    for part in (annotation, get_origin(annotation), *get_args(annotation)):
        for kind, said in kinds.items():
            if part is kind or getattr(part, "__origin__", None) is kind:
                return said
    return "table"


def _default(name: str, field: FieldInfo) -> str:
    if name == "data_dir":
        return DEFAULT_DATA_DIR
    default = field.get_default(call_default_factory=True)
    return "none" if default in (None, (), {}) else f"`{_written(default)}`"
