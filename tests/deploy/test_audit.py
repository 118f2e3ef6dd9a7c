"""The audit of what is pinned: what was not looked up is never "no vulnerability"."""

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest

import service

ROOT = Path(service.__file__).parents[1]
PINNED = "flask==3.1.3 \\\n    --hash=sha256:00\ncolorama==0.4.6 ; sys_platform == 'win32' \\\n    --hash=sha256:01\n"
CLEAN = {"name": "flask", "version": "3.1.3", "vulns": []}


@pytest.fixture
def audit() -> Any:
    loader = SourceFileLoader("audit", str(ROOT / ".ci" / "audit"))
    spec = spec_from_loader("audit", loader)
    assert spec is not None
    made = module_from_spec(spec)
    loader.exec_module(made)
    return made


def result(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"dependencies": list(entries)}


def test_everything_looked_up_and_nothing_found_is_good(audit: Any) -> None:
    assert audit.judged(result(CLEAN), PINNED) == ([], 1)


def test_a_known_vulnerability_is_named(audit: Any) -> None:
    found = result({**CLEAN, "vulns": [{"id": "PYSEC-0"}]})
    assert audit.judged(found, PINNED) == (["flask 3.1.3: PYSEC-0"], 1)


@pytest.mark.parametrize("entries", [[], [{"name": "flask", "skip_reason": "not found"}]])
def test_an_audit_that_looked_at_less_than_is_pinned_has_failed(audit: Any, entries: list[dict[str, Any]]) -> None:
    assert audit.judged(result(*entries), PINNED) == (["flask was not looked up"], 0)


@pytest.mark.parametrize("told", [None, result({"name": "flask", "skip_reason": "not found"})])
def test_without_an_answer_nothing_is_known_and_that_is_said(
    audit: Any, told: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = {"cyclonedx-py": {"components": []}, "pip-audit": told}
    monkeypatch.setattr(audit, "asked", lambda *command: (answers[command[0]], "no network"))
    monkeypatch.setattr(audit, "MATERIALS", tmp_path / "materials.json")
    assert audit.main() == 69
    assert "NOTHING is known" in capsys.readouterr().err


def test_a_program_that_is_not_there_gives_no_answer(audit: Any) -> None:
    told, said = audit.asked("there-is-no-such-program")
    assert told is None
    assert said
