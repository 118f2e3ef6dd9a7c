"""Every metric, by name, labels and meaning. A label has few values, all of them words of ours or of the knowledge."""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# Seconds: half of the calls take a few milliseconds; 0.15 and 0.5 are the goals for p95 and p99, 1.2 the time for FHIR.
SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.2, 2.5, 5.0)


@dataclass(frozen=True, slots=True)
class Families:
    """The metrics of one process, or of all that share their folder."""

    requests: Counter
    request_seconds: Histogram
    cards: Counter
    not_checked: Counter
    unidentified: Counter
    deviations: Counter
    auth_refusals: Counter
    fhir_reads: Counter
    fhir_refusals: Counter
    fhir_seconds: Histogram
    database_losses: Counter
    recordings: Counter
    audit_lines: Counter
    exceptions: Counter
    log_fields_withheld: Counter
    log_lines_dropped: Counter
    calls_in_flight: Gauge
    calls_at_once: Gauge
    fhir_server_paused: Gauge
    cards_waiting: Gauge
    database_usable: Gauge
    knowledge_info: Gauge
    build_info: Gauge


def families(registry: CollectorRegistry) -> Families:
    """Make the metrics and register them."""

    def counter(name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"upa_cds_{name}", meaning, labels, registry=registry)

    def gauge(name: str, meaning: str, mode: str, *labels: str) -> Gauge:
        return Gauge(f"upa_cds_{name}", meaning, labels, registry=registry, multiprocess_mode=mode)  # type: ignore[arg-type]

    def seconds(name: str, meaning: str, *labels: str) -> Histogram:
        return Histogram(f"upa_cds_{name}", meaning, labels, registry=registry, buckets=SECONDS)

    return Families(
        requests=counter("requests", "HTTP requests answered.", "service", "status", "outcome"),
        request_seconds=seconds("request_duration_seconds", "Time to the answer of a hook call.", "hook"),
        cards=counter("cards", "Cards issued; shown=no: kept back by a silent rule.", "rule", "indicator", "shown"),
        not_checked=counter("not_checked", "Calls that could not be checked completely, by what was missing.", "gap"),
        unidentified=counter("unidentified_medications", "Medications that nothing names, in calls about our drugs."),
        deviations=counter("deviations", "What clients sent wrong and was served all the same.", "deviation"),
        auth_refusals=counter("auth_refusals", "Calls answered 401.", "reason"),
        fhir_reads=counter("fhir_reads", "Queries to FHIR servers; result is ok or the fault.", "result"),
        fhir_refusals=counter("fhir_refusals", "Calls for which no FHIR server was read although offered.", "reason"),
        fhir_seconds=seconds("fhir_duration_seconds", "Time of all reads of a call from its FHIR server."),
        database_losses=counter("database_losses", "Issued cards and feedback that were lost.", "event"),
        recordings=counter("recordings", "Calls for the recording, written or lost.", "result"),
        audit_lines=counter("audit_lines", "Lines for the audit trail, written or lost.", "result"),
        exceptions=counter("remembered_exceptions", "Documented exceptions that were looked for.", "event"),
        log_fields_withheld=counter("log_fields_withheld", "Fields kept out of log lines.", "field"),
        log_lines_dropped=counter("log_lines_dropped", "Log lines that nobody took in time.", "what"),
        calls_in_flight=gauge("calls_in_flight", "Hook calls under way.", "livesum"),
        calls_at_once=gauge("calls_at_once", "Hook calls that may be under way at once.", "livesum"),
        fhir_server_paused=gauge("fhir_server_paused", "Workers that leave a FHIR server alone.", "livesum", "server"),
        cards_waiting=gauge("cards_waiting", "Answers whose cards wait for the database.", "livesum"),
        database_usable=gauge("database_usable", "Whether a database can be used.", "livemin", "database"),
        knowledge_info=gauge("knowledge_info", "The knowledge that answers.", "livemax", "version", "sha256"),
        build_info=gauge("build_info", "The program that answers.", "livemax", "version"),
    )
