"""What no sentence that a card can print holds, and what the US label does say."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cards import Catalogue
from tests.cards.printed import NEVER_PRINTED
from tests.packaged import CATALOGUE


def strings(part: Any) -> Iterator[str]:
    """Yield every string of JSON-like data, keys left out."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict):
        for item in part.values():
            yield from strings(item)
    elif isinstance(part, list):
        for item in part:
            yield from strings(item)


def printable_in(jurisdiction: str, catalogue: Catalogue) -> list[str]:
    """Return every sentence that a card of a jurisdiction can print."""
    parts: list[Any] = [json.loads(catalogue.wording.model_dump_json())]
    parts.append(json.loads(catalogue.jurisdictions[jurisdiction].model_dump_json()))
    parts.extend(json.loads(item.model_dump_json()) for item in catalogue.override_reasons.values())
    for key in catalogue.rules_in(jurisdiction):
        data = json.loads(catalogue.rules[key].model_dump_json())
        data["clauses"] = data["clauses"][jurisdiction]
        parts.append(data)
    parts.extend([entry.line or "", entry.finding] for entry in catalogue.evidence.values())
    parts.append([item.printed or "" for item in catalogue.statements.values()])
    parts.extend(json.loads(item.model_dump_json()) for item in (catalogue.options, catalogue.monitoring))
    return [text for part in parts for text in strings(part)]


@pytest.mark.parametrize("word", NEVER_PRINTED)
def test_no_sentence_that_the_us_can_print_holds_it(word: str) -> None:
    texts = printable_in("us", CATALOGUE)
    assert len(texts) > 150
    assert [text for text in texts if word in text.casefold()] == []


@pytest.mark.parametrize("word", NEVER_PRINTED[1:])
@pytest.mark.parametrize("jurisdiction", ["eu", "au"])
def test_no_sentence_of_another_jurisdiction_holds_it(jurisdiction: str, word: str) -> None:
    assert [text for text in printable_in(jurisdiction, CATALOGUE) if word in text.casefold()] == []


def test_the_us_label_says_that_the_combination_is_no_contraindication() -> None:
    label = CATALOGUE.jurisdictions["us"].labels["upadacitinib"]
    assert label.strength == "not recommended; not listed as a contraindication"
    assert label.section == "section 1, Limitations of Use"
