"""Each code, name and phrase of the knowledge means one thing; here is what means two."""

from collections.abc import Iterator

from cards.catalogue import Catalogue
from cards.model import Code, Outcome
from cards.schema.part import codes_of
from cards.text import words


def strength_problems(catalogue: Catalogue) -> Iterator[str]:
    """Yield a line for each strength code that is no code of its ingredient, or states two strengths."""
    for key, item in catalogue.ingredients.items():
        where = f"ingredients.yaml: ingredients.{key}.strengths"
        own, stated = set(codes_of(item.codes)), set[Code]()
        for strength in item.strengths:
            for code in codes_of(strength.codes):
                if code not in own:
                    yield f"{where}: {code} is no code of the ingredient; add it to codes or correct it"
                if code in stated:
                    yield f"{where}: {code} states two strengths; keep it at one"
                stated.add(code)


def code_problems(catalogue: Catalogue) -> Iterator[str]:
    """Yield a line for each code that stands in two places."""
    owners: dict[Code, str] = {}
    for key, item in catalogue.ingredients.items():
        for part, lists in (("codes", item.codes), ("non_systemic_codes", item.non_systemic_codes)):
            for code in codes_of(lists):
                if code in owners:
                    yield (
                        f"ingredients.yaml: ingredients.{key}.{part}: {code} stands already at {owners[code]}; "
                        "a code belongs to one place"
                    )
                owners[code] = f"{key}.{part}"
    for key, item in catalogue.ingredients.items():
        for name, regimen in item.regimens.items():
            for code in codes_of(regimen.codes):
                if owners.get(code, f"{key}.codes") != f"{key}.codes":
                    yield (
                        f"ingredients.yaml: ingredients.{key}.regimens.{name}.codes: {code} stands already at "
                        f"{owners[code]}; a regimen qualifies codes of its own ingredient"
                    )


def name_problems(catalogue: Catalogue) -> Iterator[str]:
    """Yield a line for each name that two ingredients have, or that is systemic and not."""
    owners: dict[str, tuple[str, bool]] = {}
    for key, item in catalogue.ingredients.items():
        regimens = tuple(name for regimen in item.regimens.values() for name in regimen.brands)
        for names, systemic in (((*item.names, *item.brands, *regimens), True), (item.non_systemic_brands, False)):
            for name in names:
                spoken = " ".join(words(name))
                if not spoken:
                    yield f"ingredients.yaml: ingredients.{key}: the name {name!r} has no word; write it in letters"
                owner = owners.setdefault(spoken, (key, systemic))
                if owner != (key, systemic):
                    yield (
                        f"ingredients.yaml: ingredients.{key}: the name {name!r} belongs to {owner[0]} too; "
                        "a name belongs to one ingredient, and is either systemic or not"
                    )


def outcome_problems(catalogue: Catalogue) -> Iterator[str]:
    """Hold that every outcome is described once, and that no code or phrase states two."""
    for outcome in Outcome:
        if outcome not in catalogue.outcomes:
            yield f"outcomes.yaml: outcomes: {outcome.value!r} is missing; add it"
    codes: dict[Code, str] = {}
    phrases: dict[str, str] = {}
    for outcome, item in catalogue.outcomes.items():
        where = f"outcomes.yaml: outcomes.{outcome.value}"
        for code in codes_of(item.codes):
            if codes.setdefault(code, outcome) != outcome:
                yield f"{where}.codes: {code} stands already at {codes[code]}; a code states one outcome"
        for phrase in item.phrases:
            spoken = " ".join(words(phrase))
            if not spoken or phrases.setdefault(spoken, outcome) != outcome:
                yield f"{where}.phrases: {phrase!r} has no word or stands at another outcome; keep it at one"
