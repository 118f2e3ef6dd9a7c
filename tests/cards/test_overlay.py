"""A site's overlay: what it may change takes effect, what it may not is refused with file, line, value and remedy.

Each file of `bad_overlays` is named for its fault: `overlay` is the text (after an id, a version and the version of the
knowledge, unless it gives its own), `says` what one of the problems has to say, in this order.
"""

import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

import cards
from cards import Catalogue, KnowledgeError, Overlaid, load_catalogue, load_overlaid
from cards.model import Code, System
from cards.overlaid import laid_on
from cards.schema.part import Approval
from service.fhir.systems import local_address
from service.knowledge import site_catalogue
from service.overlay import unapproved
from service.settings import Settings
from tests.packaged import CATALOGUE

PACKAGED = Path(cards.__file__).parent / "knowledge"
FAULTS = sorted((Path(__file__).parent / "bad_overlays").glob("*.yaml"))
HEAD = 'id: st-example\nversion: 1\nknowledge: "{version}"\n'
LOCAL = "urn:oid:2.999.1"
DAY = date(2026, 3, 16)


@dataclass(frozen=True)
class Site:
    """Writes overlays into a folder of its own."""

    folder: Path

    def write(self, text: str) -> Path:
        file = self.folder / "site.yaml"
        whole = text if text.startswith(("id:", "#")) else HEAD.format(version=CATALOGUE.version) + text
        file.write_text(whole, encoding="utf-8")
        return file

    def laid(self, text: str) -> tuple[Catalogue, Overlaid]:
        return laid_on(CATALOGUE, self.write(text), local_address)

    def problems(self, text: str) -> tuple[str, ...]:
        with pytest.raises(KnowledgeError) as refused:
            self.laid(text)
        return refused.value.problems


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.mark.parametrize("file", FAULTS, ids=[file.stem for file in FAULTS])
def test_a_bad_overlay_is_refused_with_file_line_value_and_remedy(file: Path, site: Site) -> None:
    fault: dict[str, Any] = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    says = fault["says"]
    found = site.problems(fault["overlay"])
    starts = f"site.yaml: {says['where']}"
    assert any(
        line.startswith(starts) and says["value"] in line and says["remedy"] in line.rpartition(";")[2]
        for line in found
    ), "\n".join(found)


@pytest.mark.parametrize("file", FAULTS, ids=[file.stem for file in FAULTS])
def test_every_problem_of_a_bad_overlay_is_a_line_with_a_remedy(file: Path, site: Site) -> None:
    for line in site.problems(yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)["overlay"]):
        place, what, remedy = line.partition(": ")[0], line.partition(": ")[2], line.rpartition(";")[2]
        assert place == "site.yaml"
        assert what.strip()
        assert remedy.strip()
        assert "\n" not in line


def test_all_problems_of_an_overlay_are_told_at_once(site: Site) -> None:
    found = site.problems(
        'lower:\n  - {rule: nope, at_most: info, reason: "x"}\n'
        'codes:\n  - {ingredient: nope, system: nope, code: "A", source: "x"}\n'
        'wording: {lines: {nope: "x"}}\n'
        "approvals: {rules: {nope: {role: R, date: 2026-01-15, next_review: 2027-01-15}}}\n"
    )
    assert len(found) == 5


def test_an_overlay_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match=r"none\.yaml: cannot be read"):
        laid_on(CATALOGUE, tmp_path / "none.yaml", local_address)


def test_bad_knowledge_is_told_before_its_overlay(site: Site, tmp_path: Path) -> None:
    folder = shutil.copytree(PACKAGED, tmp_path / "knowledge")
    (folder / "rules.yaml").unlink()
    with pytest.raises(KnowledgeError, match=r"rules\.yaml: cannot be read"):
        load_overlaid(folder, site.write("lower: ["), local_address)


def test_an_overlay_that_says_nothing_changes_the_version_and_the_hash_alone(site: Site) -> None:
    catalogue, laid = site.laid("lower: []\n")
    assert catalogue.version == f"{CATALOGUE.version}+st-example.1"
    assert catalogue.sha256 not in (CATALOGUE.sha256, laid.sha256)
    assert (catalogue.rules, catalogue.ingredients, catalogue.wording) == (
        CATALOGUE.rules,
        CATALOGUE.ingredients,
        CATALOGUE.wording,
    )


def test_a_comment_in_the_overlay_changes_the_hash(site: Site) -> None:
    first, _ = site.laid("lower: []\n")
    second, _ = site.laid("lower: [] # so far\n")
    assert first.sha256 != second.sha256


@pytest.mark.fault(30)
def test_the_hash_that_a_site_pins_is_that_of_knowledge_and_overlay(site: Site) -> None:
    catalogue, _ = site.laid("lower: []\n")
    file = site.folder / "site.yaml"
    assert site_catalogue(Settings(overlay=file, knowledge_sha256=catalogue.sha256)) == catalogue
    with pytest.raises(
        KnowledgeError, match=f"has the hash {catalogue.sha256}, and the settings want {CATALOGUE.sha256}"
    ):
        site_catalogue(Settings(overlay=file, knowledge_sha256=CATALOGUE.sha256))
    assert site_catalogue(Settings(knowledge_sha256=CATALOGUE.sha256)).sha256 == CATALOGUE.sha256


def test_local_codes_are_added_to_those_of_the_ingredient(site: Site) -> None:
    catalogue, _ = site.laid(
        f'codes:\n  - {{ingredient: infliximab, system: "{LOCAL}/", code: "Rx 1", source: "x"}}\n'.replace(
            "Rx 1", "Rx1"
        )
        + f'  - {{ingredient: tacrolimus, system: "{LOCAL}", code: "T1", systemic: false, source: "x"}}\n'
        + '  - {ingredient: infliximab, system: rxnorm, code: "99999999", source: "x"}\n'
    )
    changed, before = catalogue.ingredients["infliximab"], CATALOGUE.ingredients["infliximab"]
    assert changed.codes[System.LOCAL] == ("2.999.1|Rx1",)
    assert changed.codes[System.RXNORM] == (*before.codes[System.RXNORM], "99999999")
    assert catalogue.ingredients["tacrolimus"].non_systemic_codes[System.LOCAL] == ("2.999.1|T1",)
    recognised = cards.Recogniser(catalogue).medication([Code(System.LOCAL, "2.999.1|T1")], []).recognised
    assert [(item.ingredient, item.systemic) for item in recognised] == [("tacrolimus", False)]
    assert CATALOGUE.ingredients["infliximab"].codes == before.codes


def test_a_local_code_that_differs_by_a_letter_is_not_the_local_code(site: Site) -> None:
    catalogue, _ = site.laid(f'codes: [{{ingredient: infliximab, system: "{LOCAL}", code: "Rx1", source: "x"}}]\n')
    recogniser = cards.Recogniser(catalogue)
    assert recogniser.medication([Code(System.LOCAL, "2.999.1|Rx1")], []).recognised
    for near in ("2.999.1|rx1", "2.999.11|Rx1", "2.999.1|Rx11"):
        assert not recogniser.medication([Code(System.LOCAL, near)], []).recognised


# Approvals.

WHOLE = 'approvals:\n  knowledge: {role: "Committee", date: 2026-01-15, next_review: 2027-01-15}\n'


def test_the_approval_of_the_whole_approves_every_part_until_its_review(site: Site) -> None:
    catalogue, _ = site.laid(WHOLE)
    for rule in catalogue.rules:
        assert unapproved(catalogue, rule, date(2026, 1, 15)) == ()
        assert unapproved(catalogue, rule, date(2027, 1, 15)) == ()
        assert "the rule" in unapproved(catalogue, rule, date(2026, 1, 14))
        assert "the rule" in unapproved(catalogue, rule, date(2027, 1, 16))
    assert catalogue.options.approval.holds(DAY)
    assert catalogue.monitoring.approval.holds(DAY)


def test_an_approval_of_a_part_goes_before_that_of_the_whole(site: Site) -> None:
    part = '  rules: {upadacitinib-jak: {role: "Rheumatology", date: 2025-01-15, next_review: 2025-06-15}}\n'
    catalogue, _ = site.laid(WHOLE + part)
    assert unapproved(catalogue, "upadacitinib-jak", DAY) == ("the rule",)
    assert unapproved(catalogue, "upadacitinib-biologic", DAY) == ()


def test_a_rule_is_approved_only_with_all_of_its_evidence(site: Site) -> None:
    given = '{role: "Committee", date: 2026-01-15, next_review: 2027-01-15}'
    first, *rest = CATALOGUE.rules["upadacitinib-jak"].evidence
    of = "".join(f"    {key}: {given}\n" for key in rest)
    catalogue, _ = site.laid(f"approvals:\n  rules: {{upadacitinib-jak: {given}}}\n  evidence:\n{of}")
    assert unapproved(catalogue, "upadacitinib-jak", DAY) == (first,)


def test_the_approval_in_a_knowledge_folder_counts_for_the_whole_too(tmp_path: Path) -> None:
    folder = shutil.copytree(PACKAGED, tmp_path / "knowledge")
    file = folder / "knowledge.yaml"
    none = "approval: {role: null, date: null, next_review: null}"
    text = file.read_text(encoding="utf-8")
    assert none in text
    file.write_text(text.replace(none, "approval: {role: Committee, date: 2026-01-15, next_review: 2027-01-15}"))
    assert unapproved(load_catalogue(folder), "upadacitinib-biologic", DAY) == ()
    assert load_catalogue().options.approval == Approval()
