"""Codes and names become ingredients by explicit lists: codes first, whole words only, never by an ending."""

import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cards import Recogniser
from cards.model import Code, Recognised, System
from cards.recognise import Recognition
from cards.schema.part import codes_of
from tests.packaged import CATALOGUE

RECOGNISER = Recogniser(CATALOGUE)

RINVOQ = Code(System.RXNORM, "2196900")
HUMIRA = Code(System.RXNORM, "351290")
ASPIRIN = Code(System.RXNORM, "1191")


def named(*texts: str) -> tuple[str, ...]:
    """Return the ingredients that texts alone are recognised as."""
    return tuple(item.ingredient for item in RECOGNISER.medication([], texts).recognised)


FULL_WIDTH = ord("\uff21") - ord("A")


def shifted(text: str, by: int) -> str:
    """Return a text in another block of letter forms."""
    return "".join(chr(ord(char) + by) for char in text)


def only(found: Recognition) -> Recognised:
    (item,) = found.recognised
    return item


class TestCodesBeforeNames:
    """A code decides; a differing name is a disagreement and makes no second ingredient."""

    def test_a_known_code_decides_and_is_kept_as_what_decided(self) -> None:
        assert RECOGNISER.medication([RINVOQ], []) == Recognition((Recognised("upadacitinib", RINVOQ),))

    def test_a_name_that_agrees_with_the_code_is_no_disagreement(self) -> None:
        found = RECOGNISER.medication([RINVOQ], ["Rinvoq 15 mg", "upadacitinib"])
        assert found == Recognition((Recognised("upadacitinib", RINVOQ),), None)

    def test_a_name_that_differs_from_the_code_is_a_disagreement(self) -> None:
        found = RECOGNISER.medication([RINVOQ], ["Humira 40 mg"])
        assert found == Recognition((Recognised("upadacitinib", RINVOQ),), "adalimumab")

    def test_the_disagreement_does_not_depend_on_the_order_of_the_texts(self) -> None:
        for texts in (["Rinvoq", "Humira"], ["Humira", "Rinvoq"]):
            assert RECOGNISER.medication([RINVOQ], texts).disagreement == "adalimumab"

    def test_a_code_that_is_not_in_the_catalogue_leaves_the_decision_to_the_name(self) -> None:
        assert only(RECOGNISER.medication([ASPIRIN], ["Humira 40 mg"])) == Recognised("adalimumab", "Humira")

    def test_an_unknown_code_and_an_unknown_name_are_nothing(self) -> None:
        assert RECOGNISER.medication([ASPIRIN], ["aspirin 81 mg"]) == Recognition()

    def test_nothing_is_nothing(self) -> None:
        assert RECOGNISER.medication([], []) == Recognition()

    def test_a_code_means_something_in_its_own_system_only(self) -> None:
        assert RECOGNISER.medication([Code(System.SNOMED, RINVOQ.value)], []) == Recognition()

    def test_several_codes_of_one_ingredient_are_one_ingredient(self) -> None:
        found = RECOGNISER.medication([RINVOQ, Code(System.ATC, "L04AF03")], [])
        assert only(found) == Recognised("upadacitinib", RINVOQ)

    def test_the_codes_of_two_ingredients_are_two_ingredients(self) -> None:
        found = RECOGNISER.medication([RINVOQ, HUMIRA], []).recognised
        assert [item.ingredient for item in found] == ["upadacitinib", "adalimumab"]

    def test_two_texts_that_name_two_drugs_are_two_ingredients(self) -> None:
        assert named("Rinvoq", "Humira") == ("upadacitinib", "adalimumab")


class TestNames:
    """Which drug a text names."""

    def test_the_first_drug_that_a_text_mentions_is_the_one_ordered(self) -> None:
        assert named("adalimumab, later perhaps upadacitinib") == ("adalimumab",)

    @pytest.mark.parametrize(
        "text",
        [
            "Rinvoq (replacing Humira)",
            "Rinvoq, replaces Humira",
            "Replacing Humira: Rinvoq 15 mg",
            "REPLACING HUMIRA WITH RINVOQ",
            "Rinvoq instead of Humira",
            "Instead of Humira, Rinvoq",
            "switched from Humira to Rinvoq",
            "stop Humira. Start Rinvoq 45 mg",
            "discontinue Humira; upadacitinib 45 mg daily",
            "history of Humira, now Rinvoq",
        ],
    )
    def test_a_drug_that_is_said_to_be_replaced_is_not_the_one_ordered(self, text: str) -> None:
        assert named(text) == ("upadacitinib",)

    @pytest.mark.parametrize("phrase", CATALOGUE.recognition.other_drug_after)
    def test_every_phrase_of_the_knowledge_takes_the_next_drug_out(self, phrase: str) -> None:
        assert named(f"{phrase} Humira, Rinvoq") == named(f"Rinvoq {phrase} Humira") == ("upadacitinib",)

    def test_a_dismissed_drug_is_no_disagreement_with_the_code(self) -> None:
        found = RECOGNISER.medication([RINVOQ], ["Rinvoq (replacing Humira)"])
        assert found.disagreement is None

    @pytest.mark.parametrize(
        "text",
        [
            "Rinvoquil",
            "mirikizumabx",
            "xupadacitinib",
            "preRinvoq",
            "Rinvoq15mg",
            "Humirax",
            "cyclosporines",
            "azathioprin",
            "inflixi mab",
            "certolizumabpegol",
            "-mab",
            "-tinib",
        ],
    )
    def test_a_part_of_a_word_is_no_name(self, text: str) -> None:
        assert named(text) == ()

    @pytest.mark.parametrize(
        "text",
        [
            "RINVOQ",
            "rinvoq",
            "rInVoQ",
            "Rinvoq.",
            "(Rinvoq)",
            "[Rinvoq]",
            "Rinvoq®",
            "Rinvoq®15 mg",
            "Rinvoq™ 15 mg",
            "Rinvoq/upadacitinib",
            "upadacitinib,extended-release",
            "RINVOQ_15_MG",
            "24 HR upadacitinib 15 MG Extended Release Oral Tablet [Rinvoq]",
            "\tRinvoq\r\n",
            "Rinvoq\u00a015\u00a0mg",
            "Rinvoq\u202f15 mg",
            "Rinvoq\u3000",
            "\ufeffRinvoq",
            "Rinvoq\u200b",
            "\u202eRinvoq\u202c",
            "Rin\u00advoq",
            shifted("RINVOQ", FULL_WIDTH),
            shifted("Rinvoq", FULL_WIDTH) + "\u3000" + shifted("15mg", FULL_WIDTH),
            "\u201cRinvoq\u201d",
            "Rinvoq\u201315 mg",
            "Rinvoq\u2026",
            "tablette de Rinvoq à 15 mg",
            "リンヴォック (Rinvoq)",
        ],
    )
    def test_punctuation_case_and_the_forms_of_letters_do_not_matter(self, text: str) -> None:
        assert named(text) == ("upadacitinib",)

    @pytest.mark.parametrize(
        ("text", "ingredient"),
        [
            ("adalimumab-adaz", "adalimumab"),
            ("adalimumab - adaz", "adalimumab"),
            ("adalimumab-zzzz", "adalimumab"),
            ("ustekinumab-auub 90 MG/ML", "ustekinumab"),
            ("infliximab-dyyb", "infliximab"),
            ("mirikizumab-mrkz", "mirikizumab"),
            ("risankizumab\u2011rzaa", "risankizumab"),
            ("natalizumab-sztn", "natalizumab"),
        ],
    )
    def test_a_biosimilar_suffix_is_the_same_ingredient(self, text: str, ingredient: str) -> None:
        assert named(text) == (ingredient,)

    @pytest.mark.parametrize("text", ["ciclosporin", "cyclosporine", "cyclosporin A", "Ciclosporine 25 mg"])
    def test_both_spellings_of_ciclosporin_are_one_ingredient(self, text: str) -> None:
        assert named(text) == ("cyclosporine",)

    @pytest.mark.parametrize("ingredient", CATALOGUE.ingredients)
    def test_every_name_and_brand_is_its_own_ingredient_alone_and_in_the_noise_of_an_order(
        self, ingredient: str
    ) -> None:
        item = CATALOGUE.ingredients[ingredient]
        for name in (*item.names, *item.brands, *item.non_systemic_brands):
            for text in (name, name.upper(), f"{name} 40 MG/0.4ML SC PNKT", f"0.4 ML {name.lower()} 100 MG/ML [X]"):
                assert named(text) == (ingredient,), text

    @pytest.mark.parametrize("ingredient", CATALOGUE.ingredients)
    def test_a_name_with_a_letter_more_is_not_that_name(self, ingredient: str) -> None:
        for name in CATALOGUE.ingredients[ingredient].brands:
            assert ingredient not in named(f"{name}q"), name


class TestLongTexts:
    """A text is cut, so that its length costs nothing."""

    def test_a_name_within_the_first_two_thousand_characters_is_found(self) -> None:
        assert named("x " * 990 + "Rinvoq") == ("upadacitinib",)

    def test_a_name_beyond_them_is_not(self) -> None:
        assert named("x " * 1_001 + "Rinvoq") == ()

    def test_a_very_long_text_is_served(self) -> None:
        assert named("Rinvoq " + "upadacitinib-" * 200_000) == ("upadacitinib",)
        assert named("a" * 1_000_000) == ()
        assert named("certolizumab " * 100_000) == ("certolizumab-pegol",)

    def test_a_word_that_the_cut_shortens_to_a_name_is_no_name(self) -> None:
        text = "x" * 1_993 + " Rinvoquil"
        assert text[:2_000].endswith(" Rinvoq")
        assert named(text) == ()


class TestCodes:
    """Every code of the catalogue, at any term type."""

    @pytest.mark.parametrize("ingredient", CATALOGUE.ingredients)
    def test_every_code_is_its_own_ingredient_and_says_whether_it_is_systemic(self, ingredient: str) -> None:
        item = CATALOGUE.ingredients[ingredient]
        for lists, systemic in ((item.codes, item.systemic), (item.non_systemic_codes, False)):
            for code in codes_of(lists):
                found = only(RECOGNISER.medication([code], []))
                assert (found.ingredient, found.systemic, found.by) == (ingredient, systemic, code)


TOPICAL_PLACES = [
    *codes_of(CATALOGUE.recognition.non_systemic_routes),
    *codes_of(CATALOGUE.recognition.non_systemic_forms),
]


class TestSystemicUse:
    """A topical or ophthalmic use never counts, whatever says so."""

    @pytest.mark.parametrize("place", TOPICAL_PLACES, ids=str)
    @pytest.mark.parametrize("name", ["tacrolimus", "ruxolitinib", "ciclosporin"])
    def test_a_coded_topical_route_or_form_makes_it_non_systemic(self, name: str, place: Code) -> None:
        assert not only(RECOGNISER.medication([], [name], places=[place])).systemic

    @pytest.mark.parametrize("place", TOPICAL_PLACES, ids=str)
    def test_a_coded_topical_route_outweighs_an_ingredient_code(self, place: Code) -> None:
        tacrolimus = Code(System.RXNORM, "42316")
        assert not only(RECOGNISER.medication([tacrolimus], [], places=[place])).systemic

    @pytest.mark.parametrize("word", CATALOGUE.recognition.non_systemic_words)
    def test_every_topical_word_of_the_knowledge_makes_it_non_systemic(self, word: str) -> None:
        for text in (f"tacrolimus 0.1 % {word}", f"TACROLIMUS {word.upper()} 0.1%"):
            assert not only(RECOGNISER.medication([], [text])).systemic
        assert not only(RECOGNISER.medication([], ["tacrolimus"], place_texts=[f"apply {word} daily"])).systemic

    @pytest.mark.parametrize(
        "text",
        [
            "ruxolitinib 1.5 % cream",
            "Opzelura",
            "tacrolimus 0.03 % ointment",
            "Protopic 0.1 %",
            "Restasis 0.05 % ophthalmic emulsion",
            "ciclosporin eye drops",
            "delgocitinib",
            "Anzupgo",
            "Hyftor",
        ],
    )
    def test_a_topical_product_named_in_text_is_non_systemic(self, text: str) -> None:
        assert not only(RECOGNISER.medication([], [text])).systemic

    def test_a_topical_brand_outweighs_an_ingredient_code(self) -> None:
        ruxolitinib = Code(System.RXNORM, "1193326")
        assert not only(RECOGNISER.medication([ruxolitinib], ["Opzelura"])).systemic

    def test_a_topical_code_outweighs_a_systemic_one_in_either_order(self) -> None:
        codes = [Code(System.RXNORM, "42316"), Code(System.RXNORM, "313189")]
        for order in (codes, codes[::-1]):
            assert not only(RECOGNISER.medication(order, [])).systemic

    def test_an_ingredient_without_a_route_is_systemic(self) -> None:
        assert only(RECOGNISER.medication([], ["tacrolimus"])).systemic

    @pytest.mark.parametrize(
        ("place", "text"),
        [
            (Code(System.SNOMED, "26643006"), "by mouth"),
            (Code(System.NCIT, "C38288"), "ORAL"),
            (Code(System.SNOMED, "34206005"), "under the skin"),
        ],
    )
    def test_another_route_leaves_it_systemic(self, place: Code, text: str) -> None:
        assert only(RECOGNISER.medication([], ["tacrolimus"], places=[place], place_texts=[text])).systemic

    @pytest.mark.parametrize("text", ["tacrolimus creamy", "tacrolimus topicality", "tacrolimus eyes drop"])
    def test_a_topical_word_counts_as_a_whole_word_only(self, text: str) -> None:
        assert only(RECOGNISER.medication([], [text])).systemic

    def test_a_place_without_a_drug_is_nothing(self) -> None:
        assert RECOGNISER.medication([], ["cream"], places=TOPICAL_PLACES, place_texts=["topical"]) == Recognition()


class TestRegimens:
    """A product, a route or an interval states the regimen that shortens the window."""

    @pytest.mark.parametrize("code", [Code(System.HCPCS, "J1748"), Code(System.RXNORM, "2675739")], ids=str)
    def test_a_product_code_states_the_regimen(self, code: Code) -> None:
        assert only(RECOGNISER.medication([code], [])).regimen == "subcutaneous"

    @pytest.mark.parametrize("text", ["Zymfentra", "ZYMFENTRA 120 mg/mL pen"])
    def test_a_brand_states_the_regimen(self, text: str) -> None:
        assert only(RECOGNISER.medication([], [text])).regimen == "subcutaneous"

    def test_a_brand_states_the_regimen_beside_an_ingredient_code(self) -> None:
        infliximab = Code(System.RXNORM, "191831")
        assert only(RECOGNISER.medication([infliximab], ["Zymfentra"])).regimen == "subcutaneous"

    @pytest.mark.parametrize("place", [Code(System.SNOMED, "34206005"), Code(System.NCIT, "C38299")], ids=str)
    def test_a_coded_route_states_the_regimen(self, place: Code) -> None:
        assert only(RECOGNISER.medication([], ["infliximab"], places=[place])).regimen == "subcutaneous"

    @pytest.mark.parametrize("word", CATALOGUE.recognition.subcutaneous_words)
    def test_a_word_for_the_route_states_the_regimen(self, word: str) -> None:
        assert only(RECOGNISER.medication([], [f"infliximab 120 mg {word}"])).regimen == "subcutaneous"
        assert only(RECOGNISER.medication([], ["infliximab"], place_texts=[word])).regimen == "subcutaneous"

    def test_an_interval_states_the_regimen(self) -> None:
        assert only(RECOGNISER.medication([], ["guselkumab"], interval_days=28)).regimen == "every-4-weeks"

    @pytest.mark.parametrize("interval", [None, 27, 29, 56])
    def test_another_interval_states_none(self, interval: int | None) -> None:
        assert only(RECOGNISER.medication([], ["guselkumab"], interval_days=interval)).regimen is None

    @pytest.mark.parametrize(
        ("name", "place_text", "interval"),
        [("infliximab", "intravenous", None), ("infliximab", "", 28), ("adalimumab", "subcutaneous", 28)],
    )
    def test_a_route_or_interval_of_no_regimen_states_none(
        self, name: str, place_text: str, interval: int | None
    ) -> None:
        found = RECOGNISER.medication([], [name], place_texts=[place_text], interval_days=interval)
        assert only(found).regimen is None


def groups(*codes: Code) -> tuple[str, ...]:
    return RECOGNISER.condition(codes)[0]


class TestConditions:
    """Problem codes become condition groups: exactly, by prefix, never by history."""

    def test_an_exact_code_counts(self) -> None:
        code = Code(System.SNOMED, "34000006")
        assert RECOGNISER.condition([code]) == (("crohns-disease",), code)

    @pytest.mark.parametrize("value", ["K50", "K50.9", "K50.90", "K50.919", "K5090", "K50919", "k50.90"])
    def test_a_code_counts_by_its_prefix_with_or_without_its_dot(self, value: str) -> None:
        assert groups(Code(System.ICD10CM, value)) == ("crohns-disease",)

    @pytest.mark.parametrize("value", ["K5", "K", "50.90", "K49.9", "AK50.90", "K52.9"])
    def test_a_code_outside_the_prefix_does_not(self, value: str) -> None:
        assert groups(Code(System.ICD10CM, value)) == ()

    def test_a_snomed_code_counts_whole_only(self) -> None:
        assert groups(Code(System.SNOMED, "340000061")) == groups(Code(System.SNOMED, "3400000")) == ()

    def test_a_prefix_belongs_to_its_system_only(self) -> None:
        assert groups(Code(System.SNOMED, "K50.90")) == groups(Code(System.RXNORM, "K50.90")) == ()

    @pytest.mark.parametrize("value", ["B44.81", "B4481", "b44.81"])
    def test_an_exception_takes_a_code_out_of_the_prefix(self, value: str) -> None:
        assert groups(Code(System.ICD10CM, value)) == ()
        assert groups(Code(System.ICD10CM, "B44.89")) == ("opportunistic-infection",)

    def test_an_exception_of_one_group_can_be_the_prefix_of_another(self) -> None:
        assert groups(Code(System.ICD10CM, "M45.A3")) == groups(Code(System.ICD10CM, "M45A3"))
        assert groups(Code(System.ICD10CM, "M45.A3")) == ("nr-axial-spondyloarthritis",)
        assert groups(Code(System.ICD10CM, "M45.3")) == ("ankylosing-spondylitis",)

    @pytest.mark.parametrize("value", ["B02.22", "B0222", "Z86.11", "B90.9"])
    def test_a_history_code_does_not_count(self, value: str) -> None:
        assert RECOGNISER.condition([Code(System.ICD10CM, value)]) == ((), None)

    def test_the_code_that_decided_is_the_first_known_one(self) -> None:
        unknown, crohn = Code(System.ICD10CM, "I10"), Code(System.ICD10CM, "K50.90")
        assert RECOGNISER.condition([unknown, crohn]) == (("crohns-disease",), crohn)

    def test_a_code_can_belong_to_two_groups(self) -> None:
        assert groups(Code(System.ICD10CM, "K57.20")) == ("gi-perforation", "diverticulitis")

    def test_two_codes_of_one_group_are_one_group(self) -> None:
        assert groups(Code(System.ICD10CM, "K50.90"), Code(System.SNOMED, "34000006")) == ("crohns-disease",)

    def test_the_groups_of_a_problem_come_in_knowledge_order_whatever_the_order_of_its_codes(self) -> None:
        colitis, crohn = Code(System.ICD10CM, "K51.90"), Code(System.ICD10CM, "K50.90")
        assert groups(colitis, crohn) == groups(crohn, colitis) == ("crohns-disease", "ulcerative-colitis")

    def test_no_code_is_no_problem(self) -> None:
        assert RECOGNISER.condition([]) == ((), None)


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=300)
NAMES = [name for item in CATALOGUE.ingredients.values() for name in (*item.names, *item.brands)]
PIECES = st.sampled_from([*NAMES, *CATALOGUE.recognition.other_drug_after, "cream", "sc", " ", "-", ",", "\u00a0", "x"])
NOISE = st.lists(PIECES | ANY_TEXT, max_size=12).map("".join)


def squashed(text: str) -> str:
    """Return the letters and digits of a text, folded, with nothing between them."""
    return "".join(char for char in unicodedata.normalize("NFKC", text).casefold() if char.isalnum())


SQUASHED_NAMES = {
    squashed(name)
    for item in CATALOGUE.ingredients.values()
    for name in (*item.names, *item.brands, *item.non_systemic_brands)
}


@given(st.lists(NOISE, max_size=3), st.lists(ANY_TEXT, max_size=2), st.none() | st.integers())
def test_any_text_is_answered_with_ingredients_of_the_catalogue(
    texts: list[str], places: list[str], interval: int | None
) -> None:
    found = RECOGNISER.medication([], texts, place_texts=places, interval_days=interval)
    assert {item.ingredient for item in found.recognised} <= set(CATALOGUE.ingredients)
    assert len({item.ingredient for item in found.recognised}) == len(found.recognised) <= len(texts)


@given(ANY_TEXT)
def test_a_text_without_a_word_of_the_catalogue_is_nothing(text: str) -> None:
    letters = squashed(text)
    assume(not any(name in letters for name in SQUASHED_NAMES))
    assert RECOGNISER.medication([], [text]) == Recognition()


@given(st.sampled_from(list(System)), ANY_TEXT)
def test_any_code_value_is_answered(system: System, value: str) -> None:
    code = Code(system, value)
    assert len(RECOGNISER.medication([code], []).recognised) <= 1
    assert set(RECOGNISER.condition([code])[0]) <= set(CATALOGUE.conditions)


@given(st.sampled_from(NAMES), ANY_TEXT, ANY_TEXT)
def test_a_name_between_other_words_is_recognised_as_some_drug(name: str, before: str, after: str) -> None:
    assume(not any(unicodedata.category(char).startswith("C") for char in before + after))
    dismissing = {squashed(phrase) for phrase in CATALOGUE.recognition.other_drug_after}
    assume(not any(squashed(before).endswith(phrase) for phrase in dismissing))
    assert named(f"{before} | {name} | {after}")
