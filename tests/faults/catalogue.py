"""The faults and bad inputs that the service was made to stand, and the tests and recorded cases that show it.

A test says which rows it shows by `@pytest.mark.fault(7, 9)`. `python -m tests.generated` writes the table of the
README of this folder; a test holds it against the marks.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Fault:
    """What goes wrong, what happens then, and the recorded cases (fhir_fixtures/cases) that show it."""

    number: int
    what: str
    then: str
    cases: tuple[str, ...] = ()


def _select(*names: str) -> tuple[str, ...]:
    return tuple(f"order-select__{name}" for name in names)


FAULTS = (
    Fault(
        1,
        "FHIR server accepts and never answers",
        "card within `fhir_seconds`: check not completed; after 5 such calls the next ones get it at once",
    ),
    Fault(2, "FHIR server sends a byte at a time", "the same: the deadline is of the call, not of a byte"),
    Fault(3, "FHIR server says 500, 502, 503 or 429", "not completed; asked once, never again for that call"),
    Fault(4, "FHIR server says 401 or 403", "not completed; the token is in no log, answer or error"),
    Fault(5, "FHIR server does not know the patient", "not completed; its empty lists count for nothing"),
    Fault(6, "FHIR server answers with HTML, half of JSON, another type", "not completed"),
    Fault(7, "OperationOutcome for a Bundle, or among its matches", "incomplete; the other matches are used"),
    Fault(8, "FHIR answer of 50 MB, also as a small gzip", "cut off at 5 MiB; the rest of the record is used"),
    Fault(9, "next links in a circle, or without an end", "left after 10 pages or 2,000 resources; incomplete"),
    Fault(
        10, "next link to another host, port, scheme or address", "refused, a `security` line; relative ones are read"
    ),
    Fault(11, "FHIR server redirects", "not followed; the other server sees neither call nor token"),
    Fault(12, "no such name, refused, certificate of nobody", "not completed; TLS is always verified"),
    Fault(13, "a listed name leads to this machine or inside", "refused unless the site says `private`; keys as well"),
    Fault(14, "prefetch key absent, FHIR server offered", "read; the answer is the same bytes as with prefetch"),
    Fault(15, "prefetch key null", "no data: checked, no 412", _select("medication-keys-are-null")),
    Fault(
        16,
        "prefetch is an OperationOutcome, text, a wrapper, a list",
        "an error or garbage is incomplete; wrappers and lists are opened",
        _select("prefetch-in-response-and-resource-wrappers", "medication-key-holds-an-error-page"),
    ),
    Fault(
        17,
        "order of ours, no prefetch, no FHIR server",
        "412 with an OperationOutcome; a card where the site wants one",
        _select("in-scope-without-prefetch", "in-scope-without-prefetch-site-wants-a-card"),
    ),
    Fault(18, "the same for any other order", "`cards: []`", _select("unrelated-order-with-everything-absent")),
    Fault(
        19,
        "prefetch Bundle with further pages",
        "read with the token of the call; without one incomplete",
        _select("further-pages-read-to-the-last-one", "further-page-without-a-token"),
    ),
    Fault(20, "database of feedback down", "cards go on; feedback 503 with Retry-After; losses are counted"),
    Fault(21, "database hangs in an insert", "no call waits for it; the queue is bounded"),
    Fault(
        22,
        "database full, read-only, older, removed",
        "cards go on, feedback 503, /readyz says so; a file that comes back is used again",
    ),
    Fault(23, "store of used tokens down, removed or replaced", "503 for every client with keys; not ready"),
    Fault(24, "key server of a client down", "known keys serve for a day, then 401; a log line each try"),
    Fault(25, "key rotated; flood of unknown key ids", "fetched at once; at most once a minute"),
    Fault(
        26,
        "worker killed in the middle of a call",
        "that connection is closed without a byte, the others answer, a warm worker takes its place (0.2 s measured)",
    ),
    Fault(27, "SIGTERM under load", "calls under way are answered, new ones refused, queues written, exit 0"),
    Fault(28, "20 stalled connections, 20 slow uploads", "nobody else waits"),
    Fault(29, "ten times the load", "503 with Retry-After: 1 at once, no other failure, over when the load is"),
    Fault(
        30,
        "knowledge missing, truncated, wrong, empty, of another hash than the site pins",
        "`serve` does not start and names each problem, a reload keeps the old; under another server /readyz and calls "
        "are 503",
    ),
    Fault(31, "knowledge changes during calls", "each answer is of one version"),
    Fault(32, "clock of a client off; token at its last second", "60 s are allowed, or what the client's table says"),
    Fault(33, "body empty, null, a list, NaN, repeated keys, UTF-16, 200,000 deep, 10 MB, gzip", "400, 413 or 415"),
    Fault(34, "hook of another service, unknown service, GET", "400, 404, 405 with Allow"),
    Fault(
        35,
        "hookInstance missing, no UUID, or sent again",
        "400; served and counted; the same bytes",
        _select("hook-instance-missing", "hook-instance-that-is-no-uuid"),
    ),
    Fault(
        36,
        "ids with a prefix, no user, selections missing or dangling, drafts empty, no Bundle, 500, twice",
        "read as meant; no Bundle is a 400; one card a rule",
        _select(
            "context-as-a-list-with-prefixed-ids",
            "selections-missing",
            "every-selection-dangles",
            "no-draft-at-all",
            "draft-orders-is-text",
            "same-draft-sent-twice",
            "the-last-of-three-hundred-medicines",
        ),
    ),
    Fault(
        37,
        "medicine contained, by urn, by display, as text, by NDC, wrong code, R5, DSTU2, by nothing",
        "found, or said to be unidentified",
        _select(
            "medication-contained-in-the-order",
            "medication-by-urn-in-the-bundle",
            "reference-with-display-only",
            "both-medicines-by-text-only",
            "ndc-ten-digits-with-hyphens-beside-eleven-digits",
            "unknown-rxnorm-code-with-the-right-name",
            "r5-medication-concept-and-reference",
            "dstu2-infliximab-ordered",
            "record-entry-with-a-local-code-only",
        ),
    ),
    Fault(
        38,
        "cancelled, in error, not to be done, ended, proposed, a switch in one session",
        "only therapy counts; a switch is no alarm",
        (
            *_select(
                "infliximab-order-cancelled",
                "infliximab-order-entered-in-error",
                "infliximab-order-do-not-perform",
                "vedolizumab-proposed-or-optional",
                "infliximab-starts-in-the-future",
                "upadacitinib-stopped-four-days-ago",
            ),
            "order-sign__upadacitinib-replaces-adalimumab",
        ),
    ),
    Fault(
        39,
        "resource or draft of another patient",
        "never counted; incomplete and a `security` line; a draft is a 400",
        _select("biologic-of-another-patient-in-the-record", "draft-of-another-patient"),
    ),
    Fault(
        40,
        "markup, 10,000 characters, RTL, NUL in a name",
        "text on one line, shortened; never markup, never in a summary",
        _select(
            "markup-in-the-name-of-a-medicine",
            "name-of-two-thousand-characters",
            "control-and-right-to-left-characters",
        ),
    ),
    Fault(41, "token unsigned, of another key, audience or time, used, 10 KB, evil jku, two headers", "one bare 401"),
    Fault(
        42,
        "feedback on unknown cards, of others, without reason or zone, 10,000 entries, twice",
        "200, 400 or 413 as the contract says; nothing of others, nothing twice",
    ),
    Fault(
        43, "nobody reads standard error", "no call waits for it; what is lost of the log is counted, and said in it"
    ),
)


@cache
def marked() -> Mapping[int, tuple[str, ...]]:
    """Find the tests of each number, as file and name; what is marked is read and not run."""
    found: dict[int, list[str]] = defaultdict(list)
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        text = file.read_text(encoding="utf-8")
        # Most files mark nothing, and are not worth the parsing.
        for node in ast.parse(text).body if "pytest.mark.fault" in text else ():
            if isinstance(node, ast.FunctionDef):
                for number in dict.fromkeys(_numbers(node)):
                    found[number].append(f"{file.relative_to(ROOT)}::{node.name}")
    return {number: tuple(tests) for number, tests in found.items()}


def _numbers(function: ast.FunctionDef) -> Iterator[int]:
    for decorator in function.decorator_list:
        for node in ast.walk(decorator):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.fault":
                yield from (argument.value for argument in node.args if isinstance(argument, ast.Constant))  # type: ignore[misc]


def table() -> str:
    """Write the table: number, fault, what happens, tests and cases."""
    tests = marked()
    rows = [
        f"| {fault.number} | {fault.what} | {fault.then} | {_shown(tests.get(fault.number, ()), fault.cases)} |"
        for fault in FAULTS
    ]
    return "\n".join(["| # | Fault | What happens | Shown by |", "|---|---|---|---|", *rows])


def _shown(tests: tuple[str, ...], cases: tuple[str, ...]) -> str:
    by_file: dict[str, list[str]] = defaultdict(list)
    for test in tests:
        file, _, name = test.partition("::")
        by_file[file].append(name.removeprefix("test_").replace("_", " "))
    named = [f"[{Path(file).stem}](../../{file}): {'; '.join(names)}" for file, names in by_file.items()]
    recorded = [f"[{case}](../../fhir_fixtures/cases/{case})" for case in cases]
    return "<br>".join([*named, *recorded])
