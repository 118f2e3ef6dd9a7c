"""Candidates of the knowledge for tests: a copy of the packaged one with an edit."""

from pathlib import Path


def edit(file: Path, old: str, new: str) -> None:
    """Replace a text that must be there."""
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def without_jak(knowledge: Path) -> Path:
    """Take the JAK inhibitors out of their rule."""
    edit(knowledge / "rules.yaml", "classes: [jak-inhibitor, tyk2-inhibitor]}", "classes: [tyk2-inhibitor]}")
    return knowledge


def other_words(knowledge: Path) -> Path:
    """Say one sentence otherwise."""
    edit(knowledge / "wording.yaml", "Combining is off-label", "To combine is off-label")
    return knowledge
