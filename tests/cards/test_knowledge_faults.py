"""Every kind of bad knowledge is refused, and the message says where, what and what to do.

Each folder of `bad_knowledge` is named for its fault. Its `fault.yaml` describes one change to the packaged knowledge:

    file                                  the file that is changed
    set {at, to} | extend {at, with}      put a value at a key path, or append to the list that is there
    remove                                take the key path out
    replace {old, new} | append           change the text itself, where only text can be wrong
    content | delete                      a whole new content, or no file
    says {where, value, remedy}           what one of the problems has to say, in this order
"""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

import cards
from cards import KnowledgeError, load_catalogue
from cards.load import SCHEMAS

PACKAGED = Path(cards.__file__).parent / "knowledge"
FOLDERS = sorted(path for path in (Path(__file__).parent / "bad_knowledge").iterdir() if path.is_dir())


@dataclass(frozen=True)
class Fault:
    """One `fault.yaml`."""

    fault: str
    file: str
    says: dict[str, str]
    set: dict[str, Any] = field(default_factory=dict)
    extend: dict[str, Any] = field(default_factory=dict)
    remove: tuple[str | int, ...] = ()
    replace: dict[str, str] = field(default_factory=dict)
    append: str = ""
    content: str | None = None
    delete: bool = False

    def apply(self, folder: Path) -> None:
        path = folder / self.file
        if self.delete:
            path.unlink()
            return
        text = path.read_text(encoding="utf-8") if self.content is None else self.content
        if self.replace:
            assert text.count(self.replace["old"]) == 1, f"{self.file} holds {self.replace['old']} not exactly once"
            text = text.replace(self.replace["old"], self.replace["new"])
        if self.set or self.extend or self.remove:
            text = self._changed(text)
        path.write_text(text + self.append, encoding="utf-8")

    def _changed(self, text: str) -> str:
        data = yaml.load(text, Loader=yaml.CSafeLoader)
        if self.set:
            *parents, last = self.set["at"]
            _at(data, parents)[last] = self.set["to"]
        if self.extend:
            _at(data, self.extend["at"]).extend(self.extend["with"])
        if self.remove:
            *parents, last = self.remove
            del _at(data, parents)[last]
        return str(yaml.dump(data, Dumper=yaml.CSafeDumper, allow_unicode=True, sort_keys=False))


def _at(data: Any, path: list[str | int]) -> Any:
    for key in path:
        data = data[key]
    return data


def read_fault(folder: Path) -> Fault:
    return Fault(**yaml.load((folder / "fault.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))


@pytest.fixture
def knowledge(tmp_path: Path) -> Path:
    return shutil.copytree(PACKAGED, tmp_path / "knowledge")


def problems(folder: Path) -> tuple[str, ...]:
    with pytest.raises(KnowledgeError) as refused:
        load_catalogue(folder)
    return refused.value.problems


@pytest.mark.fault(30)
@pytest.mark.parametrize("folder", FOLDERS, ids=[folder.name for folder in FOLDERS])
def test_bad_knowledge_is_refused_with_file_key_path_value_and_remedy(folder: Path, knowledge: Path) -> None:
    fault = read_fault(folder)
    fault.apply(knowledge)
    found = problems(knowledge)
    wanted = [fault.says.get(part, "") for part in ("where", "value", "remedy")]
    assert wanted[0].startswith(fault.file)
    assert any(says_in_order(line, wanted) for line in found), "\n".join(found)
    assert [line for line in found if not is_told_well(line)] == []


def says_in_order(line: str, wanted: list[str]) -> bool:
    """Say whether a line begins with the first part and goes on with the others."""
    where, value, remedy = wanted
    rest = line.removeprefix(where)
    _, found, after = rest.partition(value) if value else ("", "", rest)
    return line.startswith(where) and bool(found or not value) and remedy in after


def is_told_well(line: str) -> bool:
    """Say whether a line begins with a file and ends with a remedy."""
    file, _, rest = line.partition(":")
    what, _, remedy = rest.rpartition(";")
    return file in SCHEMAS and bool(what.strip() and remedy.strip()) and "\n" not in line


def test_a_file_that_is_not_utf_8_is_refused(knowledge: Path) -> None:
    with (knowledge / "evidence.yaml").open("ab") as file:
        file.write(b"# \xff\xfe caf\xe9\n")
    assert problems(knowledge) == ("evidence.yaml: not YAML; mend the file",)


@pytest.mark.parametrize("name", ["---", "6 MP"], ids=["without a word", "of another ingredient by its words"])
def test_a_name_that_the_recogniser_cannot_find_or_tell_apart_is_refused(name: str, knowledge: Path) -> None:
    change = {"at": ["ingredients", "tacrolimus", "names"], "with": [name]}
    Fault("a doubtful name", "ingredients.yaml", {}, extend=change).apply(knowledge)
    assert any(line.startswith("ingredients.yaml: ingredients.") for line in problems(knowledge))


def test_a_python_object_in_yaml_is_refused_and_never_made(knowledge: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    with (knowledge / "evidence.yaml").open("a", encoding="utf-8") as file:
        file.write(f"x: !!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ['{made}']]\n")
    (line,) = problems(knowledge)
    assert line.startswith("evidence.yaml: line ")
    assert not made.exists()


@pytest.mark.fault(30)
def test_a_folder_that_does_not_exist_is_refused_with_a_line_for_every_file(tmp_path: Path) -> None:
    found = problems(tmp_path / "nowhere")
    assert [line.partition(":")[0] for line in found] == list(SCHEMAS)


def test_a_folder_in_the_place_of_a_file_is_refused(knowledge: Path) -> None:
    (knowledge / "evidence.yaml").unlink()
    (knowledge / "evidence.yaml").mkdir()
    (line,) = problems(knowledge)
    assert line.startswith("evidence.yaml: cannot be read")


def together(knowledge: Path, *names: str) -> tuple[str, ...]:
    for name in names:
        read_fault(Path(__file__).parent / "bad_knowledge" / name).apply(knowledge)
    return problems(knowledge)


def test_faults_of_several_files_are_reported_together(knowledge: Path) -> None:
    found = together(knowledge, "missing-file", "empty-file", "bad-version", "unquoted-code", "unknown-key")
    assert [line.partition(":")[0] for line in found] == [
        "override_reasons.yaml",
        "evidence.yaml",
        "knowledge.yaml",
        "ingredients.yaml",
        "rules.yaml",
    ]


def test_several_faults_of_one_file_are_reported_together(knowledge: Path) -> None:
    found = together(knowledge, "unknown-key", "missing-key", "rule-without-override-reasons")
    assert len(found) == 3


def test_contradictions_between_files_are_reported_together(knowledge: Path) -> None:
    names = (
        "unknown-class",
        "code-of-two-ingredients",
        "unknown-override-reason",
        "missing-sentence",
        "forbidden-word",
    )
    found = together(knowledge, *names)
    for name in names:
        says = read_fault(Path(__file__).parent / "bad_knowledge" / name).says
        assert any(line.startswith(says["where"]) and says["value"] in line for line in found), name


def test_the_error_counts_its_problems_and_shows_the_first(knowledge: Path) -> None:
    read_fault(Path(__file__).parent / "bad_knowledge" / "bad-version").apply(knowledge)
    with pytest.raises(KnowledgeError, match=r"^1 problem\(s\) in the knowledge: knowledge\.yaml: version: "):
        load_catalogue(knowledge)


def test_a_long_wrong_value_is_shown_shortened(knowledge: Path) -> None:
    path = knowledge / "knowledge.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace('version: "1.0.0"', f'version: "{"9" * 500}"'))
    (line,) = problems(knowledge)
    assert "..." in line
    assert len(line) < 200
