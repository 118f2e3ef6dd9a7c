import pytest

from service.recording.addresses import Addresses
from service.recording.key import is_hash
from service.recording.policy import load_policy

BASE = "https://ehr.wibble.example/fhir"
HERE = Addresses(load_policy(), lambda value: f"h({value})", BASE)
NOWHERE = Addresses(load_policy(), lambda value: f"h({value})")


@pytest.mark.parametrize(
    ("reference", "kept"),
    [
        ("Patient/1", "Patient/h(1)"),
        (" Patient/1/ ", "Patient/h(1)"),
        ("1", "h(1)"),
        ("#drug", "#h(drug)"),
        ("#", "#"),
        ("urn:uuid:0501fbf2", "urn:uuid:h(0501fbf2)"),
        ("urn:oid:1.2.3", "urn:oid:h(1.2.3)"),
        (f"{BASE}/Patient/1/_history/2", "https://fhir.invalid/r4/Patient/h(1)"),
        ("https://other.example/Patient/1", "https://elsewhere.invalid/Patient/h(1)"),
        ("Zebulon/1", "h(1)"),
        ("a/b/Medication/1", "Medication/h(1)"),
        ("", ""),
    ],
)
def test_a_reference_keeps_its_form_and_its_type(reference: str, kept: str) -> None:
    assert HERE.reference(reference) == kept


@pytest.mark.parametrize(
    ("link", "kept"),
    [
        ("MedicationRequest?patient=1&_count=50", "MedicationRequest?patient=h(1)&_count=50"),
        ("MedicationRequest?patient=Patient/1&status=active,Zebulon", None),
        ("Medication/1", "Medication/h(1)"),
        ("?page=2", "?page=2"),
        (f"{BASE}/MedicationRequest?patient=1&page=2", "https://fhir.invalid/r4/MedicationRequest?patient=h(1)&page=2"),
        (f"{BASE}?_getpages=abc&_getpagesoffset=20", "https://fhir.invalid/r4?_getpages=h(abc)&_getpagesoffset=20"),
        ("https://evil.example/fhir/Patient/1", "https://elsewhere.invalid/h(fhir)/Patient/h(1)"),
        (f"{BASE}evil/Patient/1", "https://elsewhere.invalid/h(fhirevil)/Patient/h(1)"),
        ("//evil.example/Patient/1", "//elsewhere.invalid/Patient/h(1)"),
        ("../Patient/1", "../Patient/h(1)"),
        ("https://[broken", "https://elsewhere.invalid"),
        ("Patient?name=Zebulon&zip=90210", "Patient?h(name)=h(Zebulon)&h(zip)=h(90210)"),
    ],
)
def test_a_link_leads_where_it_led_and_names_nobody(link: str, kept: str | None) -> None:
    expected = kept or "MedicationRequest?patient=Patient/h(1)&status=active,h(Zebulon)"
    assert HERE.link(link).replace("%28", "(").replace("%29", ")") == expected


def test_a_next_link_and_the_read_that_follows_it_agree() -> None:
    tail = "MedicationRequest?patient=Patient%2F1&_getpages=0501fbf2-e078-5447-af23-9bf832f71a8a&page=3"
    assert HERE.link(f"{BASE}/{tail}") == f"https://fhir.invalid/r4/{HERE.link(tail)}"


def test_without_a_server_an_absolute_reference_is_of_the_server_of_the_call() -> None:
    assert NOWHERE.reference(f"{BASE}/Patient/1") == "https://fhir.invalid/r4/Patient/h(1)"


@pytest.mark.parametrize(
    "text", ["Patient/1", f"{BASE}/Patient?patient=a/b&page=1", "//x/y", "https://e.example/a?b=c"]
)
def test_what_was_rewritten_stays_as_it_is(text: str) -> None:
    from tests.recording.calls import KEY

    first = Addresses(load_policy(), lambda value: KEY.hashed("", value), BASE)
    again = Addresses(load_policy(), lambda value: value if is_hash(value) else "withheld", "https://fhir.invalid/r4")
    assert again.link(first.link(text)) == first.link(text)
    assert again.reference(first.reference(text)) == first.reference(text)
