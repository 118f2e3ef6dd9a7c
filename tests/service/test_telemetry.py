"""What may be in a log line, and that nothing else gets there."""

import ast
import json
import logging
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from service import telemetry
from service.telemetry import FIELDS, UNKNOWN, Counts, JsonLines, logging_config
from tests.fakes import SELECT, Shell
from tests.service.test_serve import ROOT

MODULES = sorted((ROOT / "service").rglob("*.py"))


def _line(record: logging.LogRecord) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(JsonLines().format(record))
    return read


@pytest.fixture
def withheld(monkeypatch: pytest.MonkeyPatch) -> Counts:
    """Give the counts of what is withheld in this test, apart from those that no test may touch."""
    fresh = Counts()
    monkeypatch.setattr(telemetry, "WITHHELD", fresh)
    return fresh


def _keys(tree: ast.AST) -> Iterator[str]:
    """Yield the names of the fields that a module hands to the log: of its calls of write, and what it says."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="telemetry"), attr="write")):
                yield from (word.arg for word in node.keywords if word.arg and word.arg != "level")
            case (
                ast.Assign(targets=[ast.Attribute(attr="said")], value=ast.Dict(keys=keys))
                | ast.AugAssign(target=ast.Attribute(attr="said"), value=ast.Dict(keys=keys))
            ):
                yield from (str(key.value) for key in keys if isinstance(key, ast.Constant))


def test_every_field_that_the_code_writes_is_allowed() -> None:
    written = {name: module.name for module in MODULES for name in _keys(ast.parse(module.read_text(encoding="utf-8")))}
    assert len(written) > 12
    assert {name: where for name, where in written.items() if name not in FIELDS} == {}


def test_the_name_of_an_event_is_written_out_where_it_happens() -> None:
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "telemetry.write":
                event = node.args[0]
                plain = isinstance(event, ast.Constant) and re.fullmatch(r"[a-z-]+", str(event.value))
                assert plain or (isinstance(event, ast.Name) and event.id.isupper()), (module.name, node.lineno)


def test_an_unknown_field_is_dropped_and_counted(log_lines: Any, withheld: Counts) -> None:
    telemetry.write("call", status=200, patient="Vera Kanarienvogel")
    (line,) = log_lines()
    assert line.keys() == {"time", "level", "event", "status"}
    assert withheld.seen() == {UNKNOWN: 1}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status", "Vera Kanarienvogel"),
        ("outcome", "Vera Kanarienvogel"),
        ("rules", ["upadacitinib-biologic", "Vera Kanarienvogel"]),
        ("deviations", "Vera Kanarienvogel"),
        ("request_id", "Vera Kanarienvogel"),
        ("method", "MRN 771"),
        ("fhir_refusal", "http://ehr.example.org/Patient?name=Vera"),
        ("duration_ms", True),
        ("error", 'no such column: "Vera"'),
    ],
)
def test_a_value_of_another_form_is_withheld_and_counted_by_its_field(
    log_lines: Any, withheld: Counts, name: str, value: Any
) -> None:
    telemetry.write("call", **{name: value})
    (line,) = log_lines()
    assert name not in line
    assert withheld.seen() == {name: 1}


def test_what_was_withheld_is_shown_at_readyz(shell: Shell, withheld: Counts) -> None:
    assert "withheldLogFields" not in shell.client().get("/readyz").get_json()
    telemetry.write("call", level=logging.CRITICAL, patient="Vera")
    assert shell.client().get("/readyz").get_json()["withheldLogFields"] == {UNKNOWN: 1}


def test_lines_that_nobody_took_are_shown_at_readyz(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "DROPPED", fresh := Counts())
    assert "droppedLogLines" not in shell.client().get("/readyz").get_json()
    fresh.add([telemetry.LOG_LINES] * 3)
    assert shell.client().get("/readyz").get_json()["droppedLogLines"] == 3


def test_a_record_that_makes_no_line_is_a_dropped_line_and_quotes_nothing(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telemetry, "DROPPED", fresh := Counts())
    with _configured():
        logging.getLogger("granian.access").error("%d calls", "MRN-771")
    assert telemetry.WRITER.flush(10)
    assert "MRN-771" not in capfd.readouterr().err
    assert fresh.seen() == {telemetry.LOG_LINES: 1}


def test_a_method_that_a_caller_made_up_is_not_repeated(shell: Shell, log_lines: Any) -> None:
    shell.client().open(SELECT, method="VERA")
    assert log_lines()[-1]["method"] == "other"


def test_of_an_exception_only_type_and_place_are_written() -> None:
    try:
        raise ValueError("Vera Kanarienvogel")
    except ValueError:
        record = logging.LogRecord("upa_cds", logging.ERROR, "x.py", 1, "failed", (), sys.exc_info())
    record.fields = {}
    line = _line(record)
    assert line["error"] == "ValueError"
    assert line["at"].startswith("test_telemetry.py:")
    assert "Vera" not in json.dumps(line)


def test_of_a_line_of_a_library_only_its_origin_is_written() -> None:
    url = "http://ehr.example.org/MedicationRequest?patient=MRN-771"
    record = logging.LogRecord("urllib3.connectionpool", logging.WARNING, "pool.py", 7, "Failed (url=%s)", (url,), None)
    assert _line(record) | {"time": 0} == {
        "time": 0,
        "level": "warning",
        "event": "library",
        "library": "urllib3.connectionpool",
        "at": "pool.py:7",
    }


def test_lines_of_libraries_and_warnings_go_the_same_way(capfd: pytest.CaptureFixture[str]) -> None:
    with _configured():
        logging.getLogger("urllib3.connectionpool").warning("Failed to parse headers (url=%s)", "Patient/MRN-771")
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("MRN-771 is not a date", stacklevel=1)
    assert telemetry.WRITER.flush(10)
    written = capfd.readouterr()
    assert [json.loads(line)["event"] for line in written.err.splitlines()] == ["library", "library"]
    assert "MRN-771" not in written.err + written.out


@contextmanager
def _configured() -> Iterator[None]:
    """Configure logging as in a process of ours, and take it back at the end."""
    root, level = list(logging.root.handlers), logging.root.level
    ours = {name: _state(name) for name in logging_config("info")["loggers"]}
    telemetry.configure_logging("info")
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        logging.root.handlers[:] = root
        logging.root.setLevel(level)
        for name, (handlers, own, propagate) in ours.items():
            logger = logging.getLogger(name)
            logger.handlers[:], logger.propagate = handlers, propagate
            logger.setLevel(own)


def _state(name: str) -> tuple[list[logging.Handler], int, bool]:
    logger = logging.getLogger(name)
    return list(logger.handlers), logger.level, logger.propagate
