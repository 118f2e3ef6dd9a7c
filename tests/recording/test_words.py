import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards.text import escape
from service.recording.words import masked
from tests.recording.calls import words


def _kept(text: str) -> str:
    return masked(text, words().record, lambda day: f"moved({day})")


@pytest.mark.parametrize(
    "text",
    [
        "Rinvoq 15 mg extended-release tablet",
        "0.4 ML adalimumab 100 MG/ML Auto-Injector [Humira]",
        "infliximab-dyyb 5 mg/kg IV q8w",
        "40 mg under the skin every other week",
        "UPADACITINIB ER 15 MG PO TB24",
        "take 15mg p.o. once daily, s.c. at night, p.r.n.",
        "azathioprine 1.5 mg x 2",
    ],
)
def test_a_medicine_and_how_to_take_it_stay_as_they_are(text: str) -> None:
    assert _kept(text) == text


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Rinvoq 15 mg for Zebulon Quackenbush", "Rinvoq 15 mg for xxx xxx"),
        ("Humira (Dr. Snorkelheim)", "Humira (Dr. xxx)"),
        ("Humira for Zoë-Änne O'Snorkel", "Humira for xxx-xxx O'xxx"),
        ("Rinvoq, MRN 4815162342", "Rinvoq, xxx xxx"),
        ("Rinvoq, ssn 123-45-6789", "Rinvoq, xxx xxx"),
        ("call +1 (555) 014-2877 before the dose", "xxx xxx before the dose"),
        ("zip 90210, dose 1000", "xxx xxx, dose 1000"),
        ("ask zq@wibble.example first", "ask xxx first".replace("ask", "xxx")),
        ("see https://ehr.wibble.example/p/1?x=Zebulon today", "xxx xxx xxx"),
        ("Rinvoq stopped 2026-03-16", "Rinvoq stopped moved(2026-03-16)"),
        ("Rinvoq since 2025-03", "Rinvoq xxx moved(2025-03)"),
        ("Rinvoq stopped 03/16/2026 or 16.03.2026", "Rinvoq stopped xxx or xxx"),
        ("born A1B2C3D4E5", "xxx xxx"),
        ("Z.e.b.u.l.o.n takes Rinvoq", "xxx xxx Rinvoq"),
        ("Z e b u l o n, Rinvoq", "xxx, Rinvoq"),
        ("Zebu\u200blon \u202eRinvoq", "xxx Rinvoq"),
        ("\uff3a\uff45\uff42\uff55\uff4c\uff4f\uff4e Rinvoq", "xxx Rinvoq"),
        ("<b>Zebulon</b> Humira", "<b>xxx</b> Humira"),
    ],
)
def test_a_person_a_number_an_address_and_a_date_do_not_stay(text: str, kept: str) -> None:
    assert _kept(text) == kept


@given(st.text(max_size=60))
def test_masking_twice_is_masking_once(text: str) -> None:
    once = masked(text, words().record, lambda day: day)
    assert masked(once, words().record, lambda day: day) == once


def test_a_date_behind_backslashes_is_moved_too() -> None:
    assert _kept(escape("until 2026-03-16")) == r"until moved(2026\-03\-16)".replace("(2026", "(2026")


def test_every_name_of_every_drug_is_known() -> None:
    from cards import load_catalogue

    for item in load_catalogue().ingredients.values():
        for name in (item.name, *item.names, *item.brands, *item.non_systemic_brands):
            assert _kept(name) == name


def test_names_of_authors_are_no_words_of_a_medicine() -> None:
    assert _kept("Sandborn, Loftus and Ahmed") == "xxx, xxx and xxx"


def test_a_site_can_add_words_of_its_formulary() -> None:
    from cards import load_catalogue
    from service.recording.policy import load_policy
    from service.recording.words import vocabulary

    known = vocabulary(load_catalogue(), load_policy(), ["Metformin hydrochloride", "(site) ExampleBrand-XR"])
    text = "metformin HYDROCHLORIDE 500 mg, ExampleBrand-XR"
    assert masked(text, known.record, str) == text
    assert _kept(text) != text
