"""Code systems by URL or OID, and the many ways to write an NDC."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards.model import Code, System
from service.fhir.systems import codes, ndc_products

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


@pytest.mark.parametrize(
    "address",
    [
        RXNORM,
        RXNORM + "/",
        RXNORM + " ",
        "https" + RXNORM[4:],
        "HTTP" + RXNORM[4:],
        "urn:oid:2.16.840.1.113883.6.88",
        "URN:OID:2.16.840.1.113883.6.88",
        "2.16.840.1.113883.6.88",
    ],
)
def test_a_system_is_known_however_it_is_written(address: str) -> None:
    assert codes(address, " 2196900 ") == (Code(System.RXNORM, "2196900"),)


@pytest.mark.parametrize(
    ("address", "system"),
    [
        ("http://snomed.info/sct", System.SNOMED),
        ("http://snomed.info/sct/731000124108", System.SNOMED),
        ("http://hl7.org/fhir/sid/icd-10-cm", System.ICD10CM),
        ("http://hl7.org/fhir/sid/icd-10", System.ICD10),
        ("http://hl7.org/fhir/sid/icd-9-cm", System.ICD9CM),
        ("http://www.whocc.no/atc", System.ATC),
        ("http://fdasis.nlm.nih.gov", System.UNII),
        ("https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", System.HCPCS),
    ],
)
def test_every_system_of_the_knowledge_has_its_address(address: str, system: System) -> None:
    assert [code.system for code in codes(address, "X1")] == [system]


@pytest.mark.parametrize("address", [None, "", "http://example.org/codes", RXNORM + "x", "urn:oid:1.2.3"])
def test_an_unknown_system_gives_no_code(address: str | None) -> None:
    assert codes(address, "2196900") == ()


@pytest.mark.parametrize("value", [None, "", "  "])
def test_no_value_gives_no_code(value: str | None) -> None:
    assert codes(RXNORM, value) == ()


def test_letters_of_a_code_are_capitals() -> None:
    assert codes("http://www.whocc.no/atc", "l04af03") == (Code(System.ATC, "L04AF03"),)


@pytest.mark.parametrize(
    "value",
    ["0074-2306-30", "00074-2306-30", "00074230630", "0074-2306", "00074-2306", "000742306"],
)
def test_an_ndc_is_labeller_and_product_in_nine_digits(value: str) -> None:
    assert ndc_products(value) == ("000742306",)


@pytest.mark.parametrize(
    ("value", "product"), [("57894-030-01", "578940030"), ("64029-9100-1", "640299100"), ("57894-030", "578940030")]
)
def test_hyphens_say_where_the_zeros_go(value: str, product: str) -> None:
    assert ndc_products(value) == (product,)


def test_ten_digits_without_hyphens_have_three_readings() -> None:
    assert ndc_products("0074230630") == ("000742306", "007420306", "007423063")


@pytest.mark.parametrize("value", ["", "1", "12345678", "123456789012", "0074-23-0630", "00742306AB", "²²²²²²²²²"])
def test_what_is_no_ndc_gives_nothing(value: str) -> None:
    assert ndc_products(value) == ()


@given(st.text(max_size=16), st.text(max_size=60))
def test_no_coding_is_an_error(value: str, address: str) -> None:
    codes(address, value)
    codes("http://hl7.org/fhir/sid/ndc", value)
