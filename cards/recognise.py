"""Codes and names to ingredients, by explicit lists only: never by the ending of a name.

Used once, when facts are made. Matching is by dictionary look-up of codes and of whole words, so its cost does not grow
with the size of the catalogue.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Generic, Protocol, TypeAlias, TypeVar

import msgspec

from cards.model import Code, Outcome, Recognised, StatedOutcome, System
from cards.schema.conditions import ConditionGroup
from cards.schema.ingredients import Ingredient
from cards.schema.ingredients import Recognition as Places
from cards.schema.outcomes import StatedReason
from cards.schema.part import CodeLists, codes_of
from cards.text import LONGEST_TEXT, words

T = TypeVar("T")


class Recognition(msgspec.Struct, frozen=True):
    """What a resource was recognised as.

    `recognised` is empty for a drug that is not in the catalogue. `disagreement` is an ingredient that a name gave
    where a code said something else; it makes no pair.
    """

    recognised: tuple[Recognised, ...] = ()
    disagreement: str | None = None


class _Entry(msgspec.Struct, frozen=True):
    ingredient: str
    systemic: bool
    regimen: str | None
    label: str


class _Mention(msgspec.Struct, frozen=True):
    start: int
    entry: _Entry


class Named(msgspec.Struct, frozen=True):
    """What the codes and the names of a resource say of its drug, and the words of the names; false for nothing."""

    by_code: tuple[tuple[Code, _Entry], ...]
    by_name: tuple[_Entry, ...]
    words: tuple[Sequence[str], ...]

    def __bool__(self) -> bool:
        return bool(self.by_code or self.by_name)


class _Phrases(Generic[T]):
    """Whole-word phrases, found in one pass over the words of a text; the longest phrase wins."""

    def __init__(self) -> None:
        self._by_first: dict[str, list[tuple[tuple[str, ...], T]]] = {}

    def add(self, phrase: str, value: T) -> None:
        parts = tuple(words(phrase))
        if not parts:
            return
        known = self._by_first.setdefault(parts[0], [])
        known.append((parts, value))
        known.sort(key=lambda item: -len(item[0]))

    def may_be_in(self, text: Sequence[str]) -> bool:
        return not self._by_first.keys().isdisjoint(text)

    def find(self, text: Sequence[str]) -> Iterator[tuple[int, int, T]]:
        free = 0
        for at, word in enumerate(text):
            if word not in self._by_first or at < free:
                continue
            for parts, value in self._by_first[word]:
                if tuple(text[at : at + len(parts)]) == parts:
                    free = at + len(parts)
                    yield at, free, value
                    break


class Vocabulary(Protocol):
    """What recognising needs of a catalogue."""

    @property
    def recognition(self) -> Places:
        """Return the words and codes that say where a medicine goes."""

    @property
    def ingredients(self) -> Mapping[str, Ingredient]:
        """Return the ingredients by their key."""

    @property
    def conditions(self) -> Mapping[str, ConditionGroup]:
        """Return the condition groups by their key, in the order of the knowledge."""

    @property
    def outcomes(self) -> Mapping[Outcome, StatedReason]:
        """Return what states each outcome of a treatment."""

    @property
    def dismissing(self) -> tuple[str, ...]:
        """Return the words after which a text states no outcome."""


class Recogniser:
    """Names the catalogue's ingredients in the codes and texts of a resource."""

    def __init__(self, catalogue: Vocabulary, followed: str | None = None) -> None:
        """Index the codes, names and places of a catalogue.

        `followed` is the one ingredient whose dose levels are asked for; None stands for any.
        """
        self.followed = followed
        self._codes: dict[Code, _Entry] = {}
        self._names: _Phrases[_Entry] = _Phrases()
        self._index(catalogue)
        # Codes of the site's own lists: only these are looked for in what is no system of the knowledge.
        self.local = frozenset(code.value for code in self._codes if code.system is System.LOCAL)
        recognition = catalogue.recognition
        self._before = _phrases(recognition.other_drug_after)
        self._topical_words = _phrases(recognition.non_systemic_words)
        self._subcutaneous_words = _phrases(recognition.subcutaneous_words)
        self._topical = frozenset(codes_of(recognition.non_systemic_routes)) | frozenset(
            codes_of(recognition.non_systemic_forms)
        )
        self._subcutaneous = frozenset(codes_of(recognition.subcutaneous_routes))
        self._by_route = {
            (key, name): regimen
            for key, item in catalogue.ingredients.items()
            for name, regimen in item.regimens.items()
            if regimen.route or regimen.interval_days
        }
        self._strengths = {
            (key, code): strength.mg
            for key, item in catalogue.ingredients.items()
            for strength in item.strengths
            for code in codes_of(strength.codes)
        }
        self._stated = {code: key for key, item in catalogue.outcomes.items() for code in codes_of(item.codes)}
        self._said: _Phrases[Outcome | None] = _Phrases()
        for word in catalogue.dismissing:
            self._said.add(word, None)
        for outcome, reason in catalogue.outcomes.items():
            for phrase in reason.phrases:
                self._said.add(phrase, outcome)
        self._group_order = list(catalogue.conditions)
        self._conditions, self._prefixes = _condition_index(catalogue)
        self._prefix_lengths = sorted({len(prefix) for _, prefix in self._prefixes})
        dotted = {value for system, value in (*self._conditions, *self._prefixes) if system in _DOTTED}
        self._stem = min(map(len, dotted or {""}))
        self._stems = frozenset(value[: self._stem] for value in dotted)

    def _index(self, catalogue: Vocabulary) -> None:
        for key, item in catalogue.ingredients.items():
            self._add_codes(item.codes, _Entry(key, item.systemic, None, item.name))
            self._add_codes(item.non_systemic_codes, _Entry(key, False, None, item.name))
            by_regimen = {name.casefold() for regimen in item.regimens.values() for name in regimen.brands}
            for name in (*item.names, *(brand for brand in item.brands if brand.casefold() not in by_regimen)):
                self._names.add(name, _Entry(key, item.systemic, None, name))
            for name in item.non_systemic_brands:
                self._names.add(name, _Entry(key, False, None, name))
            for regimen_name, regimen in item.regimens.items():
                self._add_codes(regimen.codes, _Entry(key, item.systemic, regimen_name, item.name))
                for name in regimen.brands:
                    self._names.add(name, _Entry(key, item.systemic, regimen_name, name))

    def _add_codes(self, lists: CodeLists, entry: _Entry) -> None:
        for code in codes_of(lists):
            self._codes[code] = entry

    def medication(
        self,
        codes: Iterable[Code],
        names: Iterable[str],
        *,
        places: Iterable[Code] = (),
        place_texts: Iterable[str] = (),
        interval_days: int | None = None,
    ) -> Recognition:
        """Recognise the ingredients of one medication resource.

        `codes` and `names` are every coding and every text that says what the drug is; `places` and `place_texts`
        are routes, sites and dose forms. A code decides; names decide only where no code is known.
        """
        return self.placed(self.named(codes, names), places, place_texts, interval_days)

    def named(self, codes: Iterable[Code], names: Iterable[str]) -> Named:
        """Look up codes and names, which is enough to tell a drug of the catalogue from any other."""
        spoken = tuple(words(text) for text in names)
        by_code = tuple((code, entry) for code in codes if (entry := self._codes.get(code)))
        return Named(by_code, tuple(entry for text in spoken if (entry := self._named(text))), spoken)

    def placed(
        self,
        named: Named,
        places: Iterable[Code] = (),
        place_texts: Iterable[str] = (),
        interval_days: int | None = None,
    ) -> Recognition:
        """Recognise what `named` found by where the drug goes; arguments as those of `medication`."""
        by_code, by_name = named.by_code, named.by_name
        if not named:
            return Recognition()
        place = self._place(frozenset(places), (*named.words, *map(words, place_texts)), interval_days)
        found: list[tuple[Code | str, _Entry]] = [*by_code] or [(entry.label, entry) for entry in by_name]
        recognised = self._merge(found, by_name, place)
        known = {item.ingredient for item in recognised}
        others = [entry.ingredient for entry in by_name if entry.ingredient not in known]
        return Recognition(recognised, others[0] if others else None)

    def may_know(self, codes: Iterable[Code], text: str) -> bool:
        """Say whether a code or a name in a text could mean an ingredient: quick, and false only where none does."""
        if not self._codes.keys().isdisjoint(codes):
            return True
        return len(text) > LONGEST_TEXT or self._names.may_be_in(words(text))

    def _place(self, codes: frozenset[Code], texts: Sequence[Sequence[str]], interval_days: int | None) -> "_Place":
        return _Place(
            topical=not self._topical.isdisjoint(codes) or self._says(self._topical_words, texts),
            subcutaneous=not self._subcutaneous.isdisjoint(codes) or self._says(self._subcutaneous_words, texts),
            interval_days=interval_days,
        )

    def _merge(
        self, found: Sequence[tuple[Code | str, _Entry]], by_name: Sequence[_Entry], place: "_Place"
    ) -> tuple[Recognised, ...]:
        merged: dict[str, Recognised] = {}
        for by, entry in found:
            same = [other for other in by_name if other.ingredient == entry.ingredient]
            systemic = entry.systemic and not place.topical and all(other.systemic for other in same)
            regimen = entry.regimen or next((other.regimen for other in same if other.regimen), None)
            before = merged.get(entry.ingredient)
            merged[entry.ingredient] = Recognised(
                entry.ingredient,
                before.by if before else by,
                systemic and (before is None or before.systemic),
                regimen or (before.regimen if before else None) or self._regimen(entry.ingredient, place),
            )
        return tuple(merged.values())

    def _regimen(self, ingredient: str, place: "_Place") -> str | None:
        for (key, name), regimen in self._by_route.items():
            by_route = regimen.route == "subcutaneous" and place.subcutaneous
            by_interval = regimen.interval_days is not None and regimen.interval_days == place.interval_days
            if key == ingredient and (by_route or by_interval):
                return name
        return None

    def _named(self, parts: Sequence[str]) -> _Entry | None:
        """Return the first drug that the words of a text name and do not say to be another one."""
        if not self._names.may_be_in(parts):
            return None
        mentions = [_Mention(start, entry) for start, _, entry in self._names.find(parts)]
        if not mentions:
            return None
        dismissed = {end for _, end, _ in self._before.find(parts)}
        return next((item.entry for item in mentions if item.start not in dismissed), None)

    @staticmethod
    def _says(phrases: "_Phrases[str]", texts: Iterable[Sequence[str]]) -> bool:
        return any(phrases.may_be_in(text) and any(True for _ in phrases.find(text)) for text in texts)

    def strength(self, ingredient: str, codes: Iterable[Code], names: Iterable[str]) -> float | None:
        """Return the milligrams in one unit of a product, by its code or by its written name.

        None where neither states one ("... 45 MG ..."; a concentration is none), or where two statements differ.
        """
        stated = {mg for code in codes if (mg := self._strengths.get((ingredient, code)))}
        stated |= {float(found) for name in names for found in _MILLIGRAMS.findall(name)}
        return stated.pop() if len(stated) == 1 else None

    def stated_outcomes(self, codes: Iterable[Code], texts: Iterable[str] = ()) -> tuple[StatedOutcome, ...]:
        """Return what stop reasons say of a treatment: their codes, or else the phrases of their texts."""
        coded = {self._stated[code]: code for code in codes if code in self._stated}
        found: dict[Outcome, Code | str] = {**coded} or dict(self._phrased(texts))
        return tuple(StatedOutcome(outcome, found[outcome]) for outcome in Outcome if outcome in found)

    def _phrased(self, texts: Iterable[str]) -> Iterator[tuple[Outcome, str]]:
        for text in texts:
            spoken = words(text)
            found = list(self._said.find(spoken))
            # "Stopped to avoid side effects", "no loss of response": the text may say the contrary.
            if not any(outcome is None for _, _, outcome in found):
                yield from ((outcome, " ".join(spoken[at:end])) for at, end, outcome in found if outcome)

    def condition(self, codes: Iterable[Code]) -> tuple[tuple[str, ...], Code | None]:
        """Return the condition groups of a problem's codes, in knowledge order, and the code that decided."""
        found: dict[str, Code] = {}
        for code in codes:
            for group in self._groups(code):
                found.setdefault(group, code)
        if not found:
            return (), None
        groups = sorted(found, key=self._group_order.index)
        return tuple(groups), found[groups[0]]

    def _groups(self, code: Code) -> Sequence[str]:
        if code.system not in _DOTTED:
            return self._conditions.get((code.system, code.value), ())
        plain = code.value.replace(".", "").upper()
        if plain[: self._stem] not in self._stems:
            return ()
        found = list(self._conditions.get((code.system, plain), ()))
        for length in self._prefix_lengths:
            if length > len(plain):
                break
            for group, excluded in self._prefixes.get((code.system, plain[:length]), ()):
                if plain not in excluded:
                    found.append(group)
        return found


# A strength, and no concentration or rate: "45 MG", not "1 MG/ML".
_MILLIGRAMS = re.compile(r"(?<![\d.,])(\d{1,4}(?:\.\d{1,3})?)\s?mg\b(?!\s*/)", re.IGNORECASE)
_DOTTED = frozenset({System.ICD10CM, System.ICD10, System.ICD9CM})


class _Place(msgspec.Struct, frozen=True):
    topical: bool
    subcutaneous: bool
    interval_days: int | None


def _phrases(texts: Iterable[str]) -> _Phrases[str]:
    phrases: _Phrases[str] = _Phrases()
    for text in texts:
        phrases.add(text, text)
    return phrases


_Exact: TypeAlias = dict[tuple[System, str], tuple[str, ...]]
_Prefixes: TypeAlias = dict[tuple[System, str], tuple[tuple[str, frozenset[str]], ...]]


def _condition_index(catalogue: Vocabulary) -> tuple[_Exact, _Prefixes]:
    exact: _Exact = {}
    prefixes: _Prefixes = {}
    for group, item in catalogue.conditions.items():
        excluded = frozenset(_plain(code) for code in (*codes_of(item.except_), *codes_of(item.history)))
        for code in codes_of(item.codes):
            key = (code.system, _plain(code))
            exact[key] = (*exact.get(key, ()), group)
        for code in codes_of(item.prefixes):
            key = (code.system, _plain(code))
            prefixes[key] = (*prefixes.get(key, ()), (group, excluded))
    return exact, prefixes


def _plain(code: Code) -> str:
    return code.value.replace(".", "").upper() if code.system in _DOTTED else code.value
