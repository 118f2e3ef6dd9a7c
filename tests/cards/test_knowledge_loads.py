"""The knowledge loads, from the package or from another folder, and its digest tells two versions apart."""

import dataclasses
import shutil
from pathlib import Path

import pytest
from pydantic import ValidationError

import cards
from cards import load_catalogue
from cards.load import SCHEMAS

PACKAGED = Path(cards.__file__).parent / "knowledge"


@pytest.fixture
def knowledge(tmp_path: Path) -> Path:
    return shutil.copytree(PACKAGED, tmp_path / "knowledge")


def test_the_packaged_knowledge_loads_without_a_folder() -> None:
    catalogue = load_catalogue()
    assert catalogue.rules_in("us") == (
        "upadacitinib-biologic",
        "upadacitinib-jak",
        "upadacitinib-immunosuppressant",
    )
    assert len(catalogue.ingredients) > 60
    assert len(catalogue.conditions) > 20
    assert catalogue.manifest.jurisdictions == ("us", "eu", "au")
    assert catalogue.version == catalogue.manifest.version


def test_a_copy_of_the_knowledge_loads_and_is_the_same_knowledge(knowledge: Path) -> None:
    assert load_catalogue(knowledge) == load_catalogue()


def test_another_folder_is_used_in_place_of_the_packaged_one(knowledge: Path) -> None:
    path = knowledge / "knowledge.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace(f'"{load_catalogue().version}"', '"7.8.9-site.1"'))
    assert load_catalogue(knowledge).version == "7.8.9-site.1"
    assert load_catalogue().version != "7.8.9-site.1"


def test_a_site_records_its_approval_in_the_knowledge(knowledge: Path) -> None:
    path = knowledge / "rules.yaml"
    title = 'title: "Upadacitinib with another JAK inhibitor"\n'
    approval = "    approval: {role: Pharmacist, date: 2026-11-01, next_review: 2027-11-01}\n"
    path.write_text(path.read_text(encoding="utf-8").replace(title, title + approval), encoding="utf-8")
    catalogue = load_catalogue(knowledge)
    assert catalogue.rules["upadacitinib-jak"].approval.role == "Pharmacist"
    assert catalogue.rules["upadacitinib-biologic"].approval.role is None


def test_the_project_ships_its_rules_unapproved() -> None:
    catalogue = load_catalogue()
    approvals = [catalogue.manifest.approval, *(rule.approval for rule in catalogue.rules.values())]
    assert not any(item.role or item.date or item.next_review for item in approvals)


def test_the_digest_is_a_sha256_in_hexadecimal() -> None:
    digest = load_catalogue().sha256
    assert len(digest) == 64
    assert set(digest) <= set("0123456789abcdef")


def test_the_digest_is_the_same_at_every_load_and_in_every_folder(knowledge: Path, tmp_path: Path) -> None:
    elsewhere = shutil.copytree(knowledge, tmp_path / "a folder" / "of another name")
    assert load_catalogue().sha256 == load_catalogue(knowledge).sha256 == load_catalogue(elsewhere).sha256


@pytest.mark.parametrize("name", SCHEMAS)
def test_one_byte_more_in_any_file_changes_the_digest(name: str, knowledge: Path) -> None:
    before = load_catalogue(knowledge)
    with (knowledge / name).open("ab") as file:
        file.write(b"\n")
    after = load_catalogue(knowledge)
    assert after.sha256 != before.sha256
    assert dataclasses.replace(after, sha256="") == dataclasses.replace(before, sha256="")


def test_another_byte_of_a_comment_changes_the_digest(knowledge: Path) -> None:
    before = load_catalogue(knowledge).sha256
    path = knowledge / "rules.yaml"
    text = path.read_bytes()
    assert text.startswith(b"# Rules")
    path.write_bytes(text.replace(b"# Rules", b"# rules", 1))
    assert load_catalogue(knowledge).sha256 != before


def test_a_byte_that_moves_from_one_file_to_another_changes_the_digest(knowledge: Path) -> None:
    first, second = sorted(SCHEMAS)[:2]
    with (knowledge / first).open("ab") as file:
        file.write(b"\n")
    before = load_catalogue(knowledge).sha256
    (knowledge / first).write_bytes((PACKAGED / first).read_bytes())
    (knowledge / second).write_bytes(b"\n" + (PACKAGED / second).read_bytes())
    assert load_catalogue(knowledge).sha256 != before


def test_a_file_that_is_no_part_of_the_knowledge_leaves_the_digest_alone(knowledge: Path) -> None:
    before = load_catalogue(knowledge).sha256
    (knowledge / "README.md").write_text("How this knowledge was made.\n", encoding="utf-8")
    assert load_catalogue(knowledge).sha256 == before


def test_a_loaded_catalogue_cannot_be_changed() -> None:
    catalogue = load_catalogue()
    with pytest.raises(dataclasses.FrozenInstanceError):
        catalogue.sha256 = "0"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        catalogue.rules["upadacitinib-jak"].title = "another"  # type: ignore[misc]
