"""Everything that a site can choose, with its meaning, and what follows from it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from service.errors import SettingsError
from service.fhir_server import FhirServer, FhirServers
from service.nearest import nearest_hint
from service.settings.client import Client
from service.settings.environment import default_data_dir, environment
from service.settings.together import each_apart, only_on_loopback, servers_of_somebody, with_database
from service.settings.value import (
    FILE,
    Address,
    Database,
    PageAddress,
    PasswordHash,
    Unobtainable,
    WebAddress,
    WebOrigin,
    Zone,
)
from service.trust import Profile, is_loopback

LARGEST_BODY = 1024**3
# Some of a worker's 64 threads must be left to say no, and to answer for its health.
MOST_CALLS = 48
Ceiling = Literal["info", "warning"]


class Settings(BaseModel):
    """Everything that a site can choose. A `Settings` that exists is valid in itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: Address = Field(
        default="127.0.0.1",
        description="Address to listen on. Anything but loopback needs clients with keys.",
    )
    port: int = Field(default=8000, ge=1, le=65535, description="TCP port to listen on.")
    workers: int = Field(default=2, ge=1, le=64, description="Worker processes.")
    data_dir: Path = Field(
        default_factory=lambda: default_data_dir(environment()),
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
    timezone: Zone = Field(
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
    unobtainable: Unobtainable = Field(
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
    public_base_url: WebAddress | None = Field(
        default=None,
        description="Address under which clients and clinicians reach this service: the aud of tokens starts with it, "
        "and links appear only with it.",
    )
    report_problem_url: PageAddress | None = Field(
        default=None,
        description="Page of the site where clinicians report wrong warnings; these link to it and tell it nothing.",
    )
    sandbox: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="The page /sandbox to try the service: `auto` is on where only this machine is served, "
        "`on` shows it to whoever reaches the service.",
    )
    order_helper: Annotated[bool, AfterValidator(only_on_loopback)] = Field(
        default=False,
        description="A second service for testing on this machine: it puts drugs into a draft, see Connecting the "
        "public CDS Hooks sandbox.",
    )
    canonical_url: WebAddress | None = Field(
        default=None,
        description="Address below which what `upa-cds export fhir` writes is published; without it there are URNs.",
    )
    frame_ancestors: tuple[WebOrigin, ...] = Field(
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
    metrics_host: Address = Field(
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
    used_tokens: Annotated[Literal["data_dir", "database"], AfterValidator(with_database)] = Field(
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
    clients: Annotated[tuple[Client, ...], AfterValidator(each_apart), AfterValidator(servers_of_somebody)] = Field(
        default=(), description="Who may call: one [[clients]] table each, see Trust."
    )

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


FILE_ONLY = frozenset(
    {"disabled_rules", "silent_rules", "indicator_ceiling", "options", "frame_ancestors", "fhir_servers", "clients"}
)
SCALARS = tuple(name for name in Settings.model_fields if name not in FILE_ONLY)


def every_fhir_server(settings: Settings) -> tuple[FhirServer, ...]:
    """Give every FHIR server that the settings list for anybody."""
    return (*settings.fhir_servers, *(server for client in settings.clients for server in client.fhir_servers))
