"""What the packaged knowledge has to say, typed from the specification and the traps of the terminology.

The tables stand here a second time on purpose: a number of the knowledge that changes has to be changed in two places,
by someone who looked it up.
"""

import re

import pytest

from cards import Recogniser
from cards.model import Code, System
from cards.schema.conditions import Role
from cards.schema.ingredients import Category
from cards.schema.part import codes_of
from tests.packaged import CATALOGUE

OF_INTEREST = frozenset().union(*(subjects | partners for subjects, partners in CATALOGUE.roles.values()))
RECOGNISER = Recogniser(CATALOGUE)

DOSING = {
    "upadacitinib": 1,
    "infliximab": 70,
    "adalimumab": 28,
    "certolizumab-pegol": 42,
    "golimumab": 70,
    "vedolizumab": 70,
    "ustekinumab": 98,
    "risankizumab": 98,
    "tildrakizumab": 98,
    "guselkumab": 70,
    "mirikizumab": 42,
    "natalizumab": 56,
    # For these the longest labelled interval is longer than the convention of their class.
    "bimekizumab": 70,
    "benralizumab": 70,
    "canakinumab": 70,
    "nemolizumab": 70,
    "inebilizumab": 198,
}
WASHOUT = {
    "upadacitinib": 3,
    "infliximab": 50,
    "adalimumab": 70,
    "certolizumab-pegol": 70,
    "golimumab": 70,
    "vedolizumab": 128,
    "ustekinumab": 95,
    "risankizumab": 110,
    "guselkumab": 90,
    "mirikizumab": 48,
    "natalizumab": 84,
}
CLASS_DEFAULTS = {
    Category.JAK_INHIBITOR: (1, 3),
    Category.IMMUNOSUPPRESSANT: (1, 14),
    Category.BIOLOGIC: (42, 90),
}
RULED_CLASSES = [key for key, item in CATALOGUE.classes.items() if item.category is not Category.OTHER]
DEPLETING = {"anti-cd20": (200, 0), "anti-cd52": (200, 0)}


class TestWindows:
    """How long a medicine counts."""

    def test_each_dosing_window_is_the_specified_one_and_no_other_ingredient_has_one(self) -> None:
        own = {key: item.windows.dosing.days for key, item in CATALOGUE.ingredients.items() if item.windows.dosing}
        assert own == DOSING

    def test_each_washout_window_is_the_specified_one_and_no_other_ingredient_has_one(self) -> None:
        own = {key: item.windows.washout.days for key, item in CATALOGUE.ingredients.items() if item.windows.washout}
        assert own == WASHOUT

    @pytest.mark.parametrize(
        ("ingredient", "regimen", "days"),
        [("infliximab", "subcutaneous", 28), ("golimumab", "subcutaneous", 42), ("guselkumab", "every-4-weeks", 42)],
    )
    def test_a_regimen_shortens_the_dosing_window(self, ingredient: str, regimen: str, days: int) -> None:
        assert CATALOGUE.ingredients[ingredient].regimens[regimen].dosing == days
        assert days < DOSING[ingredient]

    def test_only_these_three_ingredients_have_regimens(self) -> None:
        with_regimens = [key for key, item in CATALOGUE.ingredients.items() if item.regimens]
        assert with_regimens == ["infliximab", "golimumab", "guselkumab"]

    @pytest.mark.parametrize("key", RULED_CLASSES)
    def test_a_class_without_sourced_windows_has_the_convention_of_its_kind(self, key: str) -> None:
        item = CATALOGUE.classes[key]
        wanted = DEPLETING.get(key) or CLASS_DEFAULTS[item.category]
        assert (item.windows.dosing, item.windows.washout) == wanted

    def test_every_window_says_what_it_rests_on(self) -> None:
        for item in CATALOGUE.ingredients.values():
            for window in (item.windows.dosing, item.windows.washout):
                assert window is None or window.source
                assert window is None or window.basis == "convention" or window.verification in {"primary", "secondary"}

    def test_the_longer_natalizumab_window_is_marked_as_a_convention(self) -> None:
        window = CATALOGUE.ingredients["natalizumab"].windows.dosing
        assert window is not None
        assert window.basis == "convention"


def medicine(code: Code) -> tuple[str, bool, str | None] | None:
    """Return ingredient, whether it acts systemically, and regimen, of a drug code."""
    found = RECOGNISER.medication([code], []).recognised
    return (found[0].ingredient, found[0].systemic, found[0].regimen) if found else None


def rxnorm(value: str) -> tuple[str, bool, str | None] | None:
    return medicine(Code(System.RXNORM, value))


class TestDrugCodes:
    """The traps of the terminology tables."""

    @pytest.mark.parametrize("code", ["2196900", "2196902", "2196894", "2196901"])
    def test_both_twins_of_rinvoq_15_mg_are_known(self, code: str) -> None:
        assert rxnorm(code) == ("upadacitinib", True, None)

    @pytest.mark.parametrize(
        ("ingredient", "codes"),
        [
            ("ruxolitinib", "2570752 2570757"),
            ("delgocitinib", "2721163 2721167 2721172"),
            ("tacrolimus", "313189 314266 284520 284521"),
            (
                "cyclosporine",
                "351291 402092 2572292 2572293 2055021 2055026 2590608 2590613 2639936 2639941 1093174",
            ),
            ("sirolimus", "2596864 2596869"),
        ],
    )
    def test_a_topical_or_ophthalmic_product_is_known_and_never_systemic(self, ingredient: str, codes: str) -> None:
        assert {rxnorm(code) for code in codes.split()} == {(ingredient, False, None)}

    @pytest.mark.parametrize(
        ("atc", "ingredient"),
        [
            ("D11AH01", "tacrolimus"),
            ("D11AX14", "tacrolimus"),
            ("D11AH09", "ruxolitinib"),
            ("D11AH11", "delgocitinib"),
            ("S01XA18", "cyclosporine"),
            ("S01XA23", "sirolimus"),
        ],
    )
    def test_a_topical_atc_code_is_never_systemic(self, atc: str, ingredient: str) -> None:
        assert medicine(Code(System.ATC, atc)) == (ingredient, False, None)

    @pytest.mark.parametrize(
        ("atc", "ingredient"),
        [
            ("D11AH08", "abrocitinib"),
            ("D11AH05", "dupilumab"),
            ("D11AH07", "tralokinumab"),
            ("D11AH10", "lebrikizumab"),
            ("D11AH12", "nemolizumab"),
        ],
    )
    def test_a_dermatological_atc_code_of_a_tablet_or_an_injection_is_systemic(self, atc: str, ingredient: str) -> None:
        assert medicine(Code(System.ATC, atc)) == (ingredient, True, None)

    @pytest.mark.parametrize(
        ("code", "ingredient"),
        [("1193326", "ruxolitinib"), ("42316", "tacrolimus"), ("3008", "cyclosporine"), ("35302", "sirolimus")],
    )
    def test_the_ingredient_code_of_a_drug_with_two_routes_is_systemic(self, code: str, ingredient: str) -> None:
        assert rxnorm(code) == (ingredient, True, None)

    def test_delgocitinib_is_never_systemic_and_a_member_of_no_rule(self) -> None:
        item = CATALOGUE.ingredients["delgocitinib"]
        assert not item.systemic
        assert not item.codes
        assert not item.brands
        assert "delgocitinib" not in OF_INTEREST

    @pytest.mark.parametrize(
        ("ingredient", "old", "current"),
        [
            ("upadacitinib", "L04AA44", "L04AF03"),
            ("tofacitinib", "L04AA29", "L04AF01"),
            ("baricitinib", "L04AA37", "L04AF02"),
            ("filgotinib", "L04AA45", "L04AF04"),
            ("vedolizumab", "L04AA33", "L04AG05"),
            ("natalizumab", "L04AA23", "L04AG03"),
            ("ozanimod", "L04AA38", "L04AE02"),
            ("leflunomide", "L04AA13", "L04AK01"),
            ("sirolimus", "L04AA10", "L04AH01"),
            ("everolimus", "L04AA18", "L04AH02"),
        ],
    )
    def test_the_atc_codes_before_and_after_the_move_of_2024_are_known(
        self, ingredient: str, old: str, current: str
    ) -> None:
        assert medicine(Code(System.ATC, old)) == medicine(Code(System.ATC, current)) == (ingredient, True, None)

    def test_the_atc_code_on_which_the_sources_disagree_is_not_rilonacept(self) -> None:
        assert medicine(Code(System.ATC, "L04AC08")) == ("canakinumab", True, None)

    def test_the_billing_code_of_zymfentra_states_the_subcutaneous_regimen(self) -> None:
        assert medicine(Code(System.HCPCS, "J1748")) == ("infliximab", True, "subcutaneous")
        assert medicine(Code(System.HCPCS, "J1745")) == ("infliximab", True, None)

    @pytest.mark.parametrize(
        ("code", "ingredient"),
        [("J0135", "adalimumab"), ("Q5102", "infliximab"), ("C9487", "ustekinumab"), ("C9026", "vedolizumab")],
    )
    def test_an_ended_billing_code_is_kept_for_old_records(self, code: str, ingredient: str) -> None:
        assert medicine(Code(System.HCPCS, code)) == (ingredient, True, None)

    @pytest.mark.parametrize("ndc", ["578940440", "578940441", "578940444"])
    def test_an_ndc_of_unbranded_ustekinumab_is_known(self, ndc: str) -> None:
        assert medicine(Code(System.NDC, ndc)) == ("ustekinumab", True, None)

    def test_an_ndc_has_the_padding_of_labeller_and_product(self) -> None:
        assert medicine(Code(System.NDC, "000742306")) == ("upadacitinib", True, None)
        for item in CATALOGUE.ingredients.values():
            for code in (*item.codes.get(System.NDC, ()), *item.non_systemic_codes.get(System.NDC, ())):
                assert re.fullmatch(r"\d{9}", code)

    @pytest.mark.parametrize(
        ("brand", "ingredient"),
        [
            ("Afinitor", "everolimus"),
            ("Torpenz", "everolimus"),
            ("Zortress", "everolimus"),
            ("Fyarro", "sirolimus"),
            ("Arzerra", "ofatumumab"),
            ("Kesimpta", "ofatumumab"),
            ("Campath", "alemtuzumab"),
            ("Lemtrada", "alemtuzumab"),
            ("Rituxan Hycela", "rituximab"),
            ("Ocrevus Zunovo", "ocrelizumab"),
            ("Xeljanz XR", "tofacitinib"),
            ("Simponi Aria", "golimumab"),
        ],
    )
    def test_every_product_of_an_ingredient_is_that_ingredient(self, brand: str, ingredient: str) -> None:
        (found,) = RECOGNISER.medication([], [brand]).recognised
        assert (found.ingredient, found.systemic) == (ingredient, True)

    @pytest.mark.parametrize(
        "name",
        [
            "insulin glargine",
            "denosumab",
            "Prolia",
            "bevacizumab",
            "Avastin",
            "trastuzumab",
            "pembrolizumab",
            "evolocumab",
            "imatinib",
            "gefitinib",
            "sotatercept",
            "apremilast",
            "Otezla",
            "mesalamine",
            "sulfasalazine",
        ],
    )
    def test_a_drug_outside_the_catalogue_is_not_recognised_by_the_ending_of_its_name(self, name: str) -> None:
        assert RECOGNISER.medication([], [name]).recognised == ()
        assert name.casefold() not in CATALOGUE.ingredients


def groups(system: System, *values: str) -> set[str]:
    return set(RECOGNISER.condition([Code(system, value) for value in values])[0])


class TestConditionCodes:
    """What counts as which problem, and what never counts."""

    @pytest.mark.parametrize(
        ("system", "code", "group"),
        [
            (System.ICD10CM, "K50.90", "crohns-disease"),
            (System.SNOMED, "34000006", "crohns-disease"),
            (System.SNOMED, "7620006", "crohns-disease"),
            (System.ICD10CM, "K51.90", "ulcerative-colitis"),
            (System.SNOMED, "64766004", "ulcerative-colitis"),
            (System.ICD10CM, "L20.9", "atopic-dermatitis"),
            (System.ICD10CM, "M06.9", "rheumatoid-arthritis"),
            (System.ICD10CM, "L40.50", "psoriatic-arthritis"),
            (System.ICD10CM, "M45.9", "ankylosing-spondylitis"),
            (System.ICD10CM, "M45.A0", "nr-axial-spondyloarthritis"),
            (System.ICD10CM, "M08.3", "pjia"),
            (System.ICD10CM, "M31.6", "giant-cell-arteritis"),
            (System.ICD10CM, "A15.0", "active-tuberculosis"),
            (System.ICD10CM, "A41.9", "sepsis"),
            (System.ICD10CM, "R65.21", "sepsis"),
            (System.ICD10CM, "J18.9", "pneumonia"),
            (System.ICD10CM, "B44.1", "opportunistic-infection"),
            (System.ICD10CM, "B59", "opportunistic-infection"),
            (System.ICD10CM, "K60.3", "perianal-fistula-abscess"),
            (System.ICD10CM, "K61.0", "perianal-fistula-abscess"),
            (System.ICD10CM, "Z94.0", "transplant-status"),
            (System.ICD10CM, "B02.9", "herpes-zoster"),
            (System.ICD10CM, "K57.32", "diverticulitis"),
            (System.ICD10CM, "C44.91", "non-melanoma-skin-cancer"),
        ],
    )
    def test_a_code_belongs_to_its_group(self, system: System, code: str, group: str) -> None:
        assert groups(system, code) == {group}

    @pytest.mark.parametrize("code", ["K60.0", "K60.1", "K60.2"])
    def test_a_fissure_is_not_a_perianal_fistula(self, code: str) -> None:
        assert groups(System.ICD10CM, code) == groups(System.ICD10, code) == set()

    @pytest.mark.parametrize("code", ["B90", "B90.0", "B90.1", "B90.2", "B90.8", "B90.9", "Z86.11"])
    def test_sequelae_and_history_of_tuberculosis_are_not_active(self, code: str) -> None:
        assert groups(System.ICD10CM, code) == groups(System.ICD10, code) == set()

    @pytest.mark.parametrize(
        ("system", "code"),
        [
            (System.ICD10CM, "Z22.7"),
            (System.ICD10CM, "R76.11"),
            (System.ICD10CM, "R76.12"),
            (System.SNOMED, "11999007"),
            (System.ICD9CM, "795.51"),
        ],
    )
    def test_latent_tuberculosis_is_a_status_and_not_an_infection(self, system: System, code: str) -> None:
        assert groups(system, code) == {"latent-tuberculosis"}
        assert CATALOGUE.conditions["latent-tuberculosis"].role is Role.STATUS

    def test_allergic_aspergillosis_does_not_count(self) -> None:
        assert groups(System.ICD10CM, "B44.81", "B4481") == set()

    @pytest.mark.parametrize("code", ["B02.2", "B02.21", "B02.22", "B02.23", "B02.24", "B02.29"])
    def test_postherpetic_disease_does_not_count(self, code: str) -> None:
        assert groups(System.ICD10CM, code) == set()

    @pytest.mark.parametrize("code", ["053.12", "053.13"])
    def test_postherpetic_disease_of_the_older_classification_does_not_count(self, code: str) -> None:
        assert groups(System.ICD9CM, code) == set()

    @pytest.mark.parametrize("code", ["M46.80", "M46.81", "K57.30", "K57.90", "M06.1", "M06.4", "I82.611"])
    def test_a_code_that_is_broader_or_something_else_does_not_count(self, code: str) -> None:
        assert groups(System.ICD10CM, code) == set()

    def test_a_history_code_never_counts_for_its_group(self) -> None:
        seen = 0
        for key, group in CATALOGUE.conditions.items():
            for code in codes_of(group.history):
                assert key not in RECOGNISER.condition([code])[0], f"{code} counts as {key}"
                seen += 1
        assert seen > 20

    @pytest.mark.parametrize(
        ("system", "code"),
        [
            (System.SNOMED, "112561000119108"),
            (System.SNOMED, "160386006"),
            (System.ICD10CM, "Z85.3"),
            (System.ICD10CM, "Z85.038"),
            (System.ICD10CM, "Z86.73"),
            (System.ICD10CM, "Z86.15"),
            (System.ICD10CM, "Z86.711"),
            (System.ICD10CM, "Z83.79"),
        ],
    )
    def test_past_and_family_history_count_as_nothing(self, system: System, code: str) -> None:
        assert groups(system, code) == set()

    def test_the_active_serious_infections_are_these_four(self) -> None:
        infections = {key for key, item in CATALOGUE.conditions.items() if item.role is Role.INFECTION}
        assert infections == {"active-tuberculosis", "sepsis", "pneumonia", "opportunistic-infection"}

    def test_all_infections_but_tuberculosis_are_acute(self) -> None:
        acute = {key for key, item in CATALOGUE.conditions.items() if item.acute}
        assert acute == {"sepsis", "pneumonia", "opportunistic-infection"}


IMMUNOSUPPRESSANTS = {
    "azathioprine",
    "cyclosporine",
    "mercaptopurine",
    "tacrolimus",
    "mycophenolate",
    "sirolimus",
    "everolimus",
    "voclosporin",
    "cyclophosphamide",
}
SILENT_CLASSES = {
    "corticosteroid",
    "s1p-modulator",
    "strong-cyp3a4-inhibitor",
    "strong-cyp3a4-inducer",
    "cyp3a4-inducer",
}
REASONS = ("planned-switch", "already-stopped", "specialist-directed", "clinical-trial", "other")


class TestRules:
    """Who meets whom, and with which sentence."""

    @pytest.mark.parametrize(
        ("jurisdiction", "subjects"),
        [("us", ("upadacitinib",)), ("eu", ("tofacitinib", "upadacitinib")), ("au", ("upadacitinib",))],
    )
    def test_a_drug_is_a_subject_only_where_its_clause_was_read(
        self, jurisdiction: str, subjects: tuple[str, ...]
    ) -> None:
        assert sorted(CATALOGUE.subjects_in(jurisdiction)) == sorted(subjects)

    def test_the_biologic_rule_reaches_every_biologic_of_the_catalogue(self) -> None:
        biologics = {key for key in CATALOGUE.ingredients if CATALOGUE.drug_class(key).category is Category.BIOLOGIC}
        assert CATALOGUE.roles["upadacitinib-biologic"][1] == biologics

    def test_the_jak_rule_reaches_every_other_systemic_jak_inhibitor(self) -> None:
        inhibitors = {
            key for key in CATALOGUE.ingredients if CATALOGUE.drug_class(key).category is Category.JAK_INHIBITOR
        }
        assert CATALOGUE.roles["upadacitinib-jak"][1] == inhibitors - {"upadacitinib", "delgocitinib"}
        assert "deucravacitinib" in inhibitors

    def test_the_immunosuppressant_rule_reaches_these_and_two_more_for_atopic_dermatitis(self) -> None:
        rule = CATALOGUE.rules["upadacitinib-immunosuppressant"]
        assert CATALOGUE.members(rule.partner) == IMMUNOSUPPRESSANTS
        assert list(rule.only_if) == ["atopic-dermatitis"]
        assert CATALOGUE.members(rule.only_if["atopic-dermatitis"]) == {"methotrexate", "leflunomide"}

    def test_the_us_sentence_names_azathioprine_and_ciclosporin_only(self) -> None:
        clause = CATALOGUE.rules["upadacitinib-immunosuppressant"].clause("us", None)
        assert set(clause.names) == {"azathioprine", "cyclosporine"}
        assert not clause.covers_all
        assert not clause.covers_classes

    def test_steroids_s1p_modulators_and_cyp3a4_drugs_fire_nothing(self) -> None:
        silent = {key for key, item in CATALOGUE.ingredients.items() if item.class_id in SILENT_CLASSES}
        assert {"prednisone", "ozanimod", "etrasimod", "ketoconazole", "rifampin"} <= silent
        assert not silent & OF_INTEREST

    def test_asthma_and_allergy_biologics_are_the_quiet_ones_except_in_atopic_dermatitis(self) -> None:
        rule = CATALOGUE.rules["upadacitinib-biologic"]
        quiet = {"omalizumab", "mepolizumab", "benralizumab", "reslizumab", "tezepelumab"}
        assert CATALOGUE.members(rule.quiet) == quiet
        assert rule.loud_for == ("atopic-dermatitis",)

    def test_the_indications_decide_in_the_specified_order(self) -> None:
        assert CATALOGUE.indication_order == (
            "crohns-disease",
            "ulcerative-colitis",
            "atopic-dermatitis",
            "rheumatoid-arthritis",
            "psoriatic-arthritis",
            "ankylosing-spondylitis",
            "nr-axial-spondyloarthritis",
            "pjia",
            "giant-cell-arteritis",
        )

    def test_indeterminate_colitis_is_no_indication_that_decides(self) -> None:
        assert groups(System.ICD10CM, "K52.3") == {"ibd-unspecified"}
        assert "ibd-unspecified" not in CATALOGUE.indication_order

    @pytest.mark.parametrize("jurisdiction", ["us", "eu", "au"])
    @pytest.mark.parametrize("rule", [key for key in CATALOGUE.rules if key.startswith("upadacitinib")])
    def test_every_rule_on_upadacitinib_has_a_clause_for_an_unknown_indication_in_every_jurisdiction(
        self, rule: str, jurisdiction: str
    ) -> None:
        assert CATALOGUE.rules[rule].clauses[jurisdiction]["generic"].partners_word

    def test_no_rule_on_tofacitinib_speaks_for_a_label_that_nobody_opened(self) -> None:
        rules = [rule for key, rule in CATALOGUE.rules.items() if key.startswith("tofacitinib")]
        assert [tuple(rule.clauses) for rule in rules] == [("eu",), ("eu",)]

    def test_the_us_label_has_a_sentence_for_every_indication(self) -> None:
        sentences = CATALOGUE.jurisdictions["us"].labels["upadacitinib"].sentences
        assert set(sentences) == {"generic", *CATALOGUE.indication_order}

    @pytest.mark.parametrize("jurisdiction", ["eu", "au"])
    def test_a_label_outside_the_us_says_that_it_is_a_secondary_copy(self, jurisdiction: str) -> None:
        label = CATALOGUE.jurisdictions[jurisdiction].labels["upadacitinib"]
        assert "secondary copy" in label.name
        assert label.verification == "secondary"
        assert {item.verification.value for item in label.sentences.values()} == {"secondary"}

    @pytest.mark.parametrize("jurisdiction", ["us", "eu", "au"])
    def test_every_label_states_its_revision(self, jurisdiction: str) -> None:
        assert CATALOGUE.jurisdictions[jurisdiction].labels["upadacitinib"].revision

    @pytest.mark.parametrize(
        ("rule", "topic"),
        [
            ("upadacitinib-biologic", "UPADACITINIBBIOLOGIC"),
            ("upadacitinib-jak", "UPADACITINIBJAK"),
            ("upadacitinib-immunosuppressant", "UPADACITINIBIMMUNOSUPPRESSANT"),
        ],
    )
    def test_each_rule_has_its_topic_code(self, rule: str, topic: str) -> None:
        assert CATALOGUE.rules[rule].topic.code == topic

    def test_the_override_reasons_are_the_specified_ones(self) -> None:
        for key, rule in CATALOGUE.rules.items():
            extra = {"transplant-or-oncology"} if key.endswith("-immunosuppressant") else set()
            assert set(rule.override_reasons) == {*REASONS, *extra}
            assert rule.override_reasons[-1] == "other"

    def test_no_override_reason_is_a_bare_will_monitor(self) -> None:
        assert not any("monitor" in item.display.casefold() for item in CATALOGUE.override_reasons.values())


class TestOptions:
    """What the options card can offer, and what the monitoring card suggests."""

    def test_an_order_is_written_with_the_rxnorm_ingredient_code(self) -> None:
        assert dict(CATALOGUE.options.rxnorm) == {
            "infliximab": "191831",
            "adalimumab": "327361",
            "certolizumab-pegol": "709271",
            "golimumab": "819300",
            "vedolizumab": "1538097",
            "ustekinumab": "847083",
            "risankizumab": "2166040",
            "guselkumab": "1928588",
            "mirikizumab": "2668384",
        }

    def test_crohns_disease_has_risankizumab_first_and_the_exposed_tiers_of_aga_in_their_order(self) -> None:
        candidates = CATALOGUE.options.indications["crohns-disease"].candidates
        assert [item.ingredient for item in candidates] == [
            *("risankizumab", "adalimumab", "infliximab", "guselkumab"),
            *("ustekinumab", "mirikizumab", "vedolizumab", "certolizumab-pegol"),
        ]
        tiers = ["higher-efficacy", "intermediate", "lower-efficacy"]
        said = [item.reason.split()[0] for item in candidates if not item.limited_exposure]
        assert said == sorted(said, key=tiers.index)

    def test_ulcerative_colitis_has_every_biologic_that_the_options_know_to_be_used_for_it(self) -> None:
        listed = {item.ingredient for item in CATALOGUE.options.indications["ulcerative-colitis"].candidates}
        known = {key for key in CATALOGUE.ingredients if "ulcerative-colitis" in CATALOGUE.ingredients[key].uses()}
        assert listed == {key for key in known if CATALOGUE.drug_class(key).category is Category.BIOLOGIC}

    def test_an_order_by_name_carries_the_ingredient_code_and_never_that_of_a_product(self) -> None:
        codes = {key: item.order_code for key, item in CATALOGUE.ingredients.items()}
        assert {key: codes[key] for key in CATALOGUE.options.rxnorm} == CATALOGUE.options.rxnorm
        # Their lists begin, in the order of the numbers, with a dose form, a biosimilar name and branded products.
        assert codes["abatacept"] == "614391"
        assert codes["ublituximab"] == "2626349"
        assert codes["lebrikizumab"] is None
        assert codes["nemolizumab"] is None

    def test_the_monitoring_orders_are_the_specified_ones(self) -> None:
        assert list(CATALOGUE.monitoring.items) == [
            *("blood-count", "liver-enzymes", "lipids", "tuberculosis", "hepatitis", "pregnancy")
        ]
        assert "12 weeks" in CATALOGUE.monitoring.items["lipids"].order
        assert CATALOGUE.monitoring.items["pregnancy"].warning == "Upadacitinib: embryo-fetal toxicity (label)."
