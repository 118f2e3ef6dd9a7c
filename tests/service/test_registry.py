"""The evidence registry as data and as text: everything that is known, and how far it was checked."""

import dataclasses
import io
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cards import Catalogue
from cards.schema.part import Approval
from service.errors import UnknownService
from service.registry import registry
from service.registry_text import show
from tests.packaged import CATALOGUE

ON = date(2026, 11, 23)
BIOLOGIC, JAK = "upadacitinib-biologic", "upadacitinib-jak"
WHOLE = registry(CATALOGUE, ON)
Run = Callable[..., tuple[object, str, str]]


def written(said: dict[str, Any]) -> str:
    console = Console(file=io.StringIO(), soft_wrap=True, highlight=False)
    show(said, console)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def approved(catalogue: Catalogue, key: str, approval: Approval) -> Catalogue:
    entry = catalogue.evidence[key].model_copy(update={"approval": approval})
    return dataclasses.replace(catalogue, evidence={**catalogue.evidence, key: entry})


def by_id(said: dict[str, Any], part: str = "evidence") -> dict[str, dict[str, Any]]:
    return {item["id"]: item for item in said[part]}


class TestData:
    """What `registry` returns."""

    def test_every_entry_statement_rule_and_label_is_there(self) -> None:
        assert list(by_id(WHOLE)) == list(CATALOGUE.evidence)
        assert list(by_id(WHOLE, "statements")) == list(CATALOGUE.statements)
        assert list(by_id(WHOLE, "rules")) == list(CATALOGUE.rules)
        assert [item["jurisdiction"] for item in WHOLE["labels"]] == ["us", "eu", "eu", "au"]
        assert len(WHOLE["evidence"]) >= 42
        assert len(WHOLE["statements"]) >= 25

    def test_it_names_the_knowledge_that_it_is_of(self) -> None:
        assert WHOLE["knowledge"] == {"version": CATALOGUE.version, "sha256": CATALOGUE.sha256}

    def test_a_figure_has_its_denominator_and_the_interval_that_is_computed(self) -> None:
        figures = {item["what"]: item for item in by_id(WHOLE)["source-series-27"]["figures"]}
        week_12 = figures["response at week 12"]
        assert (week_12["events"], week_12["of"], week_12["percent"]) == (24, 27, 88.9)
        assert week_12["wilson95"] == {"low": 71.9, "high": 96.1}
        assert week_12["text"] == "24/27, 89% (72-96%)"
        assert not week_12["countInferred"]

    def test_a_count_that_the_source_does_not_give_is_said_to_be_worked_out(self) -> None:
        serious = by_id(WHOLE)["meta-analysis-2026"]["figures"][0]
        assert serious["text"] == "4/17, 24% (10-47%)"
        assert serious["countInferred"]

    def test_the_verification_state_is_said_in_words(self) -> None:
        said = {item["verification"]: item["verificationText"] for item in WHOLE["evidence"]}
        assert said == {
            "primary": "seen in the primary source, at the regulator or at the manufacturer",
            "secondary": "seen in a copy or a secondary source only",
            "source-text": "known from the source text alone; primary publication not verified",
            "unverified": "not verified: no source was opened",
        }

    def test_doi_and_pmid_become_addresses(self) -> None:
        entry = by_id(WHOLE)["vega"]
        assert entry["doiUrl"] == "https://doi.org/10.1016/S2468-1253%2822%2900427-7"
        assert entry["pmidUrl"] == "https://pubmed.ncbi.nlm.nih.gov/36738762/"
        assert by_id(WHOLE)["sequence"]["doiUrl"] is None

    def test_the_counts_say_how_much_is_unverified(self) -> None:
        assert sum(WHOLE["counts"]["evidence"].values()) == len(CATALOGUE.evidence)
        assert WHOLE["counts"]["evidence"]["source-text"] == 2
        assert sum(WHOLE["counts"]["statements"].values()) == len(CATALOGUE.statements)

    def test_a_label_has_its_revision_and_each_sentence_its_verification(self) -> None:
        us = WHOLE["labels"][0]
        assert us["revision"] == "October 2025 wording; a later revision was not checked"
        states = {item["indication"]: item["verification"] for item in us["sentences"]}
        assert states["ulcerative-colitis"] == "primary"
        assert states["crohns-disease"] == "secondary"

    def test_a_rule_has_its_own_entries_in_its_own_order_and_the_statements_that_rest_on_them(self) -> None:
        said = registry(CATALOGUE, ON, rule=BIOLOGIC)
        assert list(by_id(said)) == list(CATALOGUE.rules[BIOLOGIC].evidence)
        assert "series-27-figures" in by_id(said, "statements")
        assert "novel-mechanism" not in by_id(said, "statements")
        jak = registry(CATALOGUE, ON, rule=JAK)
        assert list(by_id(jak)) == ["rinvoq-us-label", "rinvoq-au-information"]
        assert "series-27-figures" not in by_id(jak, "statements")

    def test_only_the_unverified_keeps_what_was_not_seen_in_a_primary_source(self) -> None:
        said = registry(CATALOGUE, ON, unverified=True)
        assert {item["verification"] for item in said["evidence"]} == {"secondary", "source-text", "unverified"}
        assert {item["verdict"] for item in said["statements"]} == {"unverified"}
        sentences = [sentence for label in said["labels"] for sentence in label["sentences"]]
        assert {item["verification"] for item in sentences} == {"secondary"}
        assert said["counts"] == WHOLE["counts"]

    def test_an_unknown_rule_is_refused_and_the_nearest_is_named(self) -> None:
        with pytest.raises(UnknownService, match="Did you mean upadacitinib-jak"):
            registry(CATALOGUE, ON, rule="upadacitinib-jack")


class TestApproval:
    """Approved only with role, date and a review that is not overdue."""

    @pytest.mark.parametrize(
        ("approval", "approves", "said"),
        [
            (Approval(), False, "not approved"),
            (
                Approval(role="Chief pharmacist", date=ON, next_review=date(2027, 11, 1)),
                True,
                "approved: Chief pharmacist, 2026-11-23, next review 2027-11-01",
            ),
            (
                Approval(role="Chief pharmacist", date=date(2025, 1, 1), next_review=date(2026, 11, 22)),
                False,
                "not in force: Chief pharmacist, 2025-01-01, next review 2026-11-22",
            ),
            (
                Approval(role="Chief pharmacist"),
                False,
                "not in force: Chief pharmacist, no date, next review not set",
            ),
        ],
        ids=["none", "whole", "overdue", "a part"],
    )
    def test_it_is_said_with_role_date_and_next_review(self, approval: Approval, approves: bool, said: str) -> None:
        changed = registry(approved(CATALOGUE, "ye-2026", approval), ON)
        assert by_id(changed)["ye-2026"]["approval"]["approved"] is approves
        assert f"    Approval: {said}\n" in written(changed)


class TestText:
    """What a terminal shows."""

    def test_every_entry_and_every_statement_is_written_out(self) -> None:
        text = written(WHOLE)
        for entry in CATALOGUE.evidence.values():
            assert entry.citation in text
            assert entry.finding in text
        for statement in CATALOGUE.statements.values():
            assert statement.statement in text
            assert statement.reason in text

    def test_it_says_what_a_card_prints_and_for_whom(self) -> None:
        lines = written(WHOLE).splitlines()
        assert any(
            line.startswith('    A card prints: "Miyatani') and "(only with ustekinumab)" in line for line in lines
        )
        assert any(line.startswith('    A card prints: "VEGA') and "none does" in line for line in lines)
        assert "    A card prints: nothing (registry only)" in lines

    def test_markup_of_the_terminal_in_a_text_stays_text(self) -> None:
        entry = CATALOGUE.evidence["ye-2026"].model_copy(update={"finding": "[red]x[/red] [link=https://e.example]y"})
        changed = dataclasses.replace(CATALOGUE, evidence={"ye-2026": entry}, rules={}, statements={})
        assert "Finding: [red]x[/red] [link=https://e.example]y" in written(registry(changed, ON))

    def test_a_terminal_gets_wrapped_text_and_nothing_is_cut(self) -> None:
        console = Console(file=io.StringIO(), width=60, highlight=False)
        show(registry(CATALOGUE, ON, rule=JAK), console)
        file = console.file
        assert isinstance(file, io.StringIO)
        lines = file.getvalue().splitlines()
        assert max(map(len, lines)) <= 60
        assert "mortality, cardiovascular events and malignancy in the boxed warning" in " ".join(
            " ".join(lines).split()
        )


class TestCommand:
    """`upa-cds evidence`."""

    def test_it_lists_the_whole_registry(self, upa_cds: Run) -> None:
        code, out, err = upa_cds("evidence")
        assert (code, err) == (0, "")
        assert all(f"\n  {key}\n" in out for key in (*CATALOGUE.evidence, *CATALOGUE.statements))

    def test_as_json_it_is_the_same_registry(self, upa_cds: Run) -> None:
        code, out, _ = upa_cds("evidence", BIOLOGIC, "--json")
        assert code == 0
        said = json.loads(out)
        assert said == registry(CATALOGUE, date.fromisoformat(said["on"]), rule=BIOLOGIC)

    def test_only_the_unverified(self, upa_cds: Run) -> None:
        code, out, _ = upa_cds("evidence", "--unverified")
        assert code == 0
        assert "\n  miyatani-2024\n" in out
        assert "\n  ye-2026\n" not in out

    def test_an_unknown_rule_is_exit_code_65_and_one_line(self, upa_cds: Run) -> None:
        code, out, err = upa_cds("evidence", "upadacitinib-biologics")
        assert (code, out) == (65, "")
        assert err.startswith("upa-cds: The knowledge has no such rule. Did you mean upadacitinib-biologic?")
        assert err.count("\n") == 1

    def test_the_knowledge_of_the_site_is_the_one_that_is_listed(self, upa_cds: Run, tmp_path: Path) -> None:
        config = tmp_path / "upa-cds.toml"
        config.write_text(f'knowledge = "{tmp_path.as_posix()}/nothing"\n')
        code, out, err = upa_cds("evidence", "--config", str(config))
        assert (code, out) == (1, "")
        assert "nothing: there is no such folder" in err
