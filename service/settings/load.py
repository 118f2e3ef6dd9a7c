"""The settings as flags, environment and file give them: read once, every problem reported at once.

A scalar is a flag, a `UPA_CDS_*` variable or a top-level key of the TOML file; lists and tables live in the file only.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from service.errors import SettingsError
from service.fhir_server import FhirServer
from service.nearest import nearest, nearest_hint
from service.settings.client import Client
from service.settings.environment import PREFIX, default_data_dir, environment, variable_name
from service.settings.model import FILE_ONLY, SCALARS, Settings

CONFIG = "config"
# Every key of a table in the TOML file.
_KEYS = (*Client.model_fields, *FhirServer.model_fields)


@dataclass(frozen=True, slots=True)
class Effective:
    """The settings in force, and for each one that is not a default the place it was read from."""

    settings: Settings
    sources: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Given:
    """One value as somebody wrote it, and where."""

    value: Any
    where: str


def load_settings(flags: Mapping[str, object] | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings once; see `effective_settings`."""
    return effective_settings(flags, environ).settings


def effective_settings(
    flags: Mapping[str, object] | None = None, environ: Mapping[str, str] | None = None
) -> Effective:
    """Read flags (a name with None is not given), environment and file, in that order of precedence.

    Raises SettingsError with one line per problem: what is wrong, where, and what to do.
    """
    problems: list[str] = []
    environ = environment() if environ is None else environ
    by_flag = {name: _Given(value, _flag(name)) for name, value in (flags or {}).items() if value is not None}
    by_variable = _from_environment(environ, problems)
    config = by_flag.pop(CONFIG, None) or by_variable.get(CONFIG)
    by_variable.pop(CONFIG, None)
    given = {**_from_file(config, problems), **by_variable, **by_flag}
    settings = _validated(given, default_data_dir(environ), problems)
    if problems or settings is None:
        raise SettingsError(*problems)
    return Effective(settings, {name: entry.where for name, entry in given.items()})


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _from_environment(environ: Mapping[str, str], problems: list[str]) -> dict[str, _Given]:
    names = {variable_name(name): name for name in (*SCALARS, CONFIG)}
    file_only = {variable_name(name): name for name in FILE_ONLY}
    given = {}
    for variable in sorted(name for name in environ if name.upper().startswith(PREFIX)):
        if variable in names:
            given[names[variable]] = _Given(environ[variable], f"environment variable {variable}")
        elif variable in file_only:
            problems.append(f"{variable}: set {file_only[variable]} in the TOML file; it is not a scalar.")
        else:
            near = nearest(variable[len(PREFIX) :].lower(), names.values())
            hint = f" Did you mean {variable_name(near)}?" if near else ""
            problems.append(f"{variable}: no setting has this name.{hint}")
    return given


def _from_file(config: _Given | None, problems: list[str]) -> dict[str, _Given]:
    if config is None:
        return {}
    path = Path(str(config.value))
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        problems.append(f"{config.where}: {path} cannot be read ({error.strerror}). Give a readable TOML file.")
        return {}
    except ValueError as error:
        problems.append(f"{path}: this is not TOML in UTF-8 ({error}). Correct the file.")
        return {}
    problems.extend(
        f"{path}, key {name}: no setting has this name.{nearest_hint(name, Settings.model_fields)}"
        for name in sorted(document.keys() - Settings.model_fields.keys())
    )
    known = Settings.model_fields.keys() & document.keys()
    return {name: _Given(document[name], f"{path}, key {name}") for name in known}


def _validated(given: Mapping[str, _Given], data_dir: Path, problems: list[str]) -> Settings | None:
    values = {"data_dir": data_dir} | {name: entry.value for name, entry in given.items()}
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        problems.extend(_problem(detail, given) for detail in error.errors(include_url=False))
        return None


def _problem(detail: ErrorDetails, given: Mapping[str, _Given]) -> str:
    name, *rest = (str(part) for part in detail["loc"])
    where = given[name].where if name in given else name
    place = ".".join([where, *rest])
    if detail["type"] == "extra_forbidden":
        return f"{place}: no such key.{nearest_hint(rest[-1] if rest else name, _KEYS)}"
    message = detail["msg"].removeprefix("Value error, ")
    # A table says too much, and an address may hold a password.
    given_value = detail["input"]
    quiet = (
        name in ("public_base_url", "database_url", "dashboard_password_hash")
        or not isinstance(given_value, str | int | float)
        or "@" in str(given_value)
    )
    value = "" if quiet else f" {given_value!r}"
    return f"{place}: the value{value} is not accepted: {message[:1].lower()}{message[1:]}."
