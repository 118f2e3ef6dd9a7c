"""The settings: flag over environment over file, read once, every problem reported at once.

`Settings` is frozen, so that it can travel to worker processes. A scalar is a flag, a `UPA_CDS_*` variable or a
top-level key of the TOML file; lists and tables live in the file only.
"""

import ipaddress
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import ErrorDetails

from service.errors import SettingsError
from service.fhir_server import FhirServer, FhirServers
from service.password import is_hash
from service.trust import Profile, Trust, is_loopback, told_apart

PREFIX = "UPA_CDS_"
CONFIG = "config"
LARGEST_BODY = 1024**3
# Some of a worker's 64 threads must be left to say no, and to answer for its health.
MOST_CALLS = 48


def default_data_dir(environ: Mapping[str, str]) -> Path:
    """Name the folder for what the service keeps (XDG Base Directory Specification, XDG_STATE_HOME)."""
    state = Path(environ.get("XDG_STATE_HOME", ""))
    return (state if state.is_absolute() else Path.home() / ".local" / "state") / "upa-cds"


def _address(value: str) -> str:
    if value != "localhost":
        try:
            ipaddress.ip_address(value)
        except ValueError:
            raise ValueError("give an IP address or localhost") from None
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        near = _nearest(value, available_timezones())
        raise ValueError(f"give an IANA time zone, for example {near or 'Europe/Berlin'}") from None
    return value


def _web_address(value: str) -> str:
    """Accept `https://host[:port][/path]`; user names and passwords have no place in it."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("give an absolute http or https address without query")
    if parts.username or parts.password:
        raise ValueError("leave user name and password out of the address")
    return value.rstrip("/")


def _page_address(value: str) -> str:
    """Accept the https address of a page as it is; it stands on cards, so nobody's password has a place in it."""
    parts = urlsplit(value)
    if parts.scheme != "https" or not parts.hostname or parts.username or parts.password:
        raise ValueError("give an absolute https address without user name and password")
    return value


def _web_origin(value: str) -> str:
    """Accept `https://host[:port]`, as browsers write it in the Origin header (RFC 6454, section 7)."""
    address = _web_address(value)
    if urlsplit(address).path:
        raise ValueError("give scheme, host and port only, for example https://ehr.example.org")
    return address.lower()


def _database(value: SecretStr) -> SecretStr:
    """Accept `postgresql://[user[:password]@]host[:port]/database[?…]`."""
    parts = urlsplit(value.get_secret_value())
    if parts.scheme not in ("postgresql", "postgres") or len(parts.path) < 2:
        raise ValueError(
            "give a URL as postgresql://user:password@host/database; without it SQLite in data_dir is used"
        )
    return value


def _text(value: object) -> object:
    return str(value) if isinstance(value, int) else value


# Settings travel to the workers as JSON, and there the secret is needed.
Database = Annotated[
    SecretStr, AfterValidator(_database), PlainSerializer(SecretStr.get_secret_value, when_used="json")
]


def _password_hash(value: SecretStr) -> SecretStr:
    if not is_hash(value.get_secret_value()):
        raise ValueError("give the line that upa-cds dashboard password prints; a password itself has no place here")
    return value


PasswordHash = Annotated[
    SecretStr, AfterValidator(_password_hash), PlainSerializer(SecretStr.get_secret_value, when_used="json")
]

# For the table of settings: a path to a file and not to a folder.
FILE = "file"


class Client(Trust):
    """An EHR or page that may call.

    `origins` are the web pages that a browser may call from. A `silent` client gets no cards: its calls are evaluated
    and recorded only. `fhir_servers` are those that may be read for its calls.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1)
    origins: tuple[Annotated[str, AfterValidator(_web_origin)], ...] = ()
    silent: bool = False
    fhir_servers: FhirServers = ()


def _told_apart(clients: tuple[Client, ...]) -> tuple[Client, ...]:
    if len({client.id for client in clients}) < len(clients):
        raise ValueError("two clients have the same id: give each its own")
    told_apart(clients)
    return clients


# Who calls where no client with keys is configured: then the service answers on loopback only.
ANYONE = Client(id="anyone")


def every_fhir_server(settings: "Settings") -> tuple[FhirServer, ...]:
    """Give every FHIR server that the settings list for anybody."""
    return (*settings.fhir_servers, *(server for client in settings.clients for server in client.fhir_servers))


Ceiling = Literal["info", "warning"]


class Settings(BaseModel):
    """Everything that a site can choose. A `Settings` that exists is valid in itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: Annotated[str, AfterValidator(_address)] = Field(
        default="127.0.0.1",
        description="Address to listen on. Anything but loopback needs clients with keys.",
    )
    port: int = Field(default=8000, ge=1, le=65535, description="TCP port to listen on.")
    workers: int = Field(default=2, ge=1, le=64, description="Worker processes.")
    data_dir: Path = Field(
        default_factory=lambda: default_data_dir(os.environ),
        description="Folder for what the service keeps; made at start, readable by its user only.",
    )
    knowledge: Path | None = Field(
        default=None, description="Folder of the site's own knowledge; without it the packaged knowledge is used."
    )
    overlay: Annotated[Path, FILE] | None = Field(
        default=None,
        description="YAML file with what the site changes of the knowledge: lower indicators, own codes, wording, "
        "approvals.",
    )
    knowledge_sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        default=None,
        description="Hash that the knowledge, with the overlay, must have, as `upa-cds validate` shows it; with any "
        "other nothing is served.",
    )
    timezone: Annotated[str, AfterValidator(_zone)] = Field(
        default="UTC", description="Time zone of the site (IANA name); it decides which day a call belongs to."
    )
    jurisdiction: Literal["us", "eu", "au"] = Field(
        default="us", description="Whose label wording and citation the cards use."
    )
    max_body_bytes: int = Field(
        default=10 * 1024**2, ge=1, le=LARGEST_BODY, description="Longest accepted request body, in bytes."
    )
    max_calls_at_once: int = Field(
        default=32,
        ge=1,
        le=MOST_CALLS,
        description="Calls that each worker has under way at once; a further one is answered 503 at once, "
        "to be sent again after a second.",
    )
    drain_seconds: float = Field(
        default=0,
        ge=0,
        le=300,
        description="How long the service answers on after SIGTERM while /readyz says 503, so that a load balancer "
        "turns to others first.",
    )
    unobtainable: Annotated[Literal["412", "card"], BeforeValidator(_text)] = Field(
        default="412",
        description="Answer to an order in scope whose medication data were not sent: the error 412, "
        "or a card that says the check was not completed.",
    )
    announce_version: Literal["none", "2.0.1", "3.0.0"] = Field(
        default="none", description="Version of CDS Hooks that discovery names, an attribute of CDS Hooks 3.0."
    )
    profile: Profile = Field(
        default="spec",
        description="Shape of the cards for callers without keys; a client with keys has its own. See Profiles.",
    )
    public_base_url: Annotated[str, AfterValidator(_web_address)] | None = Field(
        default=None,
        description="Address under which clients and clinicians reach this service: the aud of tokens starts with it, "
        "and links appear only with it.",
    )
    report_problem_url: Annotated[str, AfterValidator(_page_address)] | None = Field(
        default=None,
        description="Page of the site where clinicians report wrong warnings; these link to it and tell it nothing.",
    )
    sandbox: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="The page /sandbox to try the service: `auto` is on where only this machine is served, "
        "`on` shows it to whoever reaches the service.",
    )
    order_helper: bool = Field(
        default=False,
        description="A second service for testing on this machine: it puts drugs into a draft, see Connecting the "
        "public CDS Hooks sandbox.",
    )
    canonical_url: Annotated[str, AfterValidator(_web_address)] | None = Field(
        default=None,
        description="Address below which what `upa-cds export fhir` writes is published; without it there are URNs.",
    )
    frame_ancestors: tuple[Annotated[str, AfterValidator(_web_origin)], ...] = Field(
        default=(),
        description="Origins whose pages may show ours in a frame, say the side panel of an EHR, beside our own.",
    )
    record_dir: Path | None = Field(
        default=None, description="Folder for de-identified recordings of hook calls; without it nothing is recorded."
    )
    record_sampling: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="Share of patients whose calls are recorded; all calls of a patient are, or none.",
    )
    record_file_bytes: int = Field(
        default=64 * 1024**2, ge=64 * 1024, description="Size at which a worker begins its next recording, in bytes."
    )
    record_total_bytes: int = Field(
        default=1024**3, ge=64 * 1024, description="Size of all recordings at which recording pauses, in bytes."
    )
    record_words: Annotated[Path, FILE] | None = Field(
        default=None,
        description="Text file of further words that recordings may keep in medication texts, say of the formulary.",
    )
    audit_dir: Path | None = Field(
        default=None, description="Folder for the audit trail of decisions; without it none is kept."
    )
    audit_calls: Literal["decisions", "all"] = Field(
        default="decisions",
        description="What the audit trail holds: calls about a drug of ours and feedback, or also calls out of scope.",
    )
    metrics_port: int | None = Field(
        default=None, ge=1, le=65535, description="TCP port of the page for Prometheus; without it nothing is counted."
    )
    metrics_host: Annotated[str, AfterValidator(_address)] = Field(
        default="127.0.0.1", description="Address of the page for Prometheus, which asks nobody who they are."
    )
    fhir_seconds: float = Field(
        default=1.2,
        gt=0,
        le=4,
        allow_inf_nan=False,
        description="Longest time for all that one call waits for, in seconds, at most 4: "
        "its client's keys where they have to be fetched, and what it reads from a FHIR server.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe log line that is written."
    )
    disabled_rules: tuple[str, ...] = Field(default=(), description="Ids of rules that are switched off.")
    silent_rules: tuple[str, ...] = Field(
        default=(), description="Ids of rules that are evaluated and recorded, and whose cards are not shown."
    )
    indicator_ceiling: Mapping[str, Ceiling] = Field(
        default_factory=dict, description="Highest indicator that a rule may show: rule id = info or warning."
    )
    options: tuple[str, ...] | None = Field(
        default=None,
        description="Ingredients that the options card may offer, in this order; `[]` switches the card off, "
        "without the setting the knowledge decides.",
    )
    database_url: Database | None = Field(
        default=None,
        description="PostgreSQL to keep cards and feedback in (postgresql://user:password@host/database); "
        "without it SQLite in data_dir.",
    )
    used_tokens: Literal["data_dir", "database"] = Field(
        default="data_dir",
        description="Where used tokens are remembered: `database` (of database_url) for several machines behind one "
        "address; then no call with a token is answered without it.",
    )
    feedback_retention_days: int = Field(
        default=400, ge=1, le=36_500, description="How long `upa-cds db prune` keeps issued cards and their feedback."
    )
    dashboard_password_hash: PasswordHash | None = Field(
        default=None,
        description="Hash of the password of /dashboard, made by `upa-cds dashboard password`; without it the "
        "dashboard is shown on this machine only, where no client has keys.",
    )
    user_comments: Literal["drop", "keep"] = Field(
        default="drop",
        description="What clinicians write in feedback, and may name a patient: `drop` keeps only that they wrote.",
    )
    remember_exceptions_days: int = Field(
        default=0,
        ge=0,
        le=3650,
        description="How many days an override that documents an exception makes the same warning of the same patient "
        "information; 0: never.",
    )
    tls_cert: Annotated[Path, FILE] | None = Field(
        default=None, description="Certificate chain (PEM) to serve https with; needs tls_key."
    )
    tls_key: Annotated[Path, FILE] | None = Field(
        default=None, description="Private key of the certificate (PEM, PKCS#8, no password, not open to everybody)."
    )
    fhir_servers: FhirServers = Field(
        default=(),
        description="FHIR servers that may be read where no client has keys; else each client has its own, "
        "see Reading from the FHIR server.",
    )
    clients: Annotated[tuple[Client, ...], AfterValidator(_told_apart)] = Field(
        default=(), description="Who may call: one [[clients]] table each, see Trust."
    )

    @field_validator("order_helper")
    @classmethod
    def _only_here(cls, wanted: bool, info: ValidationInfo) -> bool:
        public = info.data.get("public_base_url")
        hosts = (info.data.get("host", "localhost"), urlsplit(public).hostname if public else "localhost")
        if wanted and not all(is_loopback(host) for host in hosts):
            raise ValueError("it is a test tool for one machine: listen on 127.0.0.1, without another public_base_url")
        return wanted

    @field_validator("used_tokens")
    @classmethod
    def _shared_somewhere(cls, where: str, info: ValidationInfo) -> str:
        if where == "database" and info.data.get("database_url") is None:
            raise ValueError("it needs a PostgreSQL that all machines reach: set database_url")
        return where

    @field_validator("clients")
    @classmethod
    def _servers_of_somebody(cls, clients: tuple[Client, ...], info: ValidationInfo) -> tuple[Client, ...]:
        if info.data.get("fhir_servers") and any(client.has_keys for client in clients):
            raise ValueError("they have keys, so fhir_servers beside them is read for nobody: move it into a client")
        if any(client.fhir_servers and not client.has_keys for client in clients):
            raise ValueError("who has no keys cannot be told from others: move its fhir_servers to the top level")
        return clients

    @property
    def loopback(self) -> bool:
        """Tell whether only programs on this machine can reach the service."""
        return is_loopback(self.host)

    @property
    def stays_here(self) -> bool:
        """Tell whether the service is meant for this machine alone: a public address means a proxy before it."""
        return self.loopback and (self.public_base_url is None or is_loopback(urlsplit(self.public_base_url).hostname))

    @property
    def shows_sandbox(self) -> bool:
        """Tell whether there is a page /sandbox."""
        return self.sandbox == "on" or (self.sandbox == "auto" and self.stays_here)

    @property
    def sandbox_signs(self) -> bool:
        """Tell whether the page /sandbox gets tokens for its calls: where calls need one, and only on this machine."""
        return self.shows_sandbox and self.stays_here and any(client.has_keys for client in self.clients)

    @property
    def address(self) -> str:
        """Write the address that the service listens on."""
        return self.address_of(self.host)

    def address_of(self, host: str) -> str:
        """Write the address of this service under another name of the machine."""
        scheme = "https" if self.tls_cert else "http"
        return f"{scheme}://[{host}]:{self.port}" if ":" in host else f"{scheme}://{host}:{self.port}"

    @property
    def announced_version(self) -> str | None:
        """Give the version of CDS Hooks for discovery, if the site wants one there."""
        return None if self.announce_version == "none" else self.announce_version

    def client(self, client_id: str) -> Client:
        """Give the client of this id; raises SettingsError that names the nearest."""
        for one in self.clients:
            if one.id == client_id:
                return one
        hint = nearest_hint(client_id, [one.id for one in self.clients])
        raise SettingsError(f"client {client_id}: the settings have no client of this id.{hint}")

    @property
    def zone(self) -> ZoneInfo:
        """Give the site's time zone."""
        return ZoneInfo(self.timezone)


# Every key of a table in the TOML file.
_KEYS = (*Client.model_fields, *FhirServer.model_fields)
FILE_ONLY = frozenset(
    {"disabled_rules", "silent_rules", "indicator_ceiling", "options", "frame_ancestors", "fhir_servers", "clients"}
)
SCALARS = tuple(name for name in Settings.model_fields if name not in FILE_ONLY)


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
    environ = os.environ if environ is None else environ
    by_flag = {name: _Given(value, _flag(name)) for name, value in (flags or {}).items() if value is not None}
    by_variable = _from_environment(environ, problems)
    config = by_flag.pop(CONFIG, None) or by_variable.get(CONFIG)
    by_variable.pop(CONFIG, None)
    given = {**_from_file(config, problems), **by_variable, **by_flag}
    settings = _validated(given, default_data_dir(environ), problems)
    if problems or settings is None:
        raise SettingsError(*problems)
    return Effective(settings, {name: entry.where for name, entry in given.items()})


def share_metrics(folder: Path) -> None:
    """Have prometheus-client, which only an environment variable can tell, share its numbers between processes."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


def check_rules(settings: Settings, rules: Iterable[str]) -> None:
    """Refuse settings that name a rule which the knowledge does not have: a misspelt switch would do nothing."""
    known = tuple(rules)
    named = {
        "disabled_rules": settings.disabled_rules,
        "silent_rules": settings.silent_rules,
        "indicator_ceiling": tuple(settings.indicator_ceiling),
    }
    problems = [
        f"{setting}: the knowledge has no rule {rule}.{nearest_hint(rule, known)}"
        for setting, ids in named.items()
        for rule in ids
        if rule not in known
    ]
    if problems:
        raise SettingsError(*problems)


def check_options(settings: Settings, ingredients: Iterable[str]) -> None:
    """Refuse settings that name an option which the knowledge does not have."""
    known = tuple(ingredients)
    problems = [
        f"options: the knowledge has no option {name}.{nearest_hint(name, known)}"
        for name in settings.options or ()
        if name not in known
    ]
    if problems:
        raise SettingsError(*problems)


def nearest_hint(name: str, known: Iterable[str]) -> str:
    """Say which known name was probably meant: ` Did you mean x?`, or nothing."""
    near = _nearest(name, known)
    return f" Did you mean {near}?" if near else ""


def _nearest(name: str, known: Iterable[str]) -> str | None:
    return next(iter(get_close_matches(name, sorted(known), n=1)), None)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def variable_name(name: str) -> str:
    """Name the environment variable of a setting."""
    return PREFIX + name.upper()


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
            near = _nearest(variable[len(PREFIX) :].lower(), names.values())
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
