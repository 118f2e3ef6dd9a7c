"""The bases that may be read, and which addresses lie inside one."""

import pytest
from pydantic import ValidationError

from service.discovery import PREFETCH
from service.fhir_server import FhirServer, absolute, find_server, within

BASE = "https://ehr.example.org/fhir/r4"
PAGE = "MedicationRequest?patient=p1"


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        (f"{BASE}/MedicationRequest?page=2", "MedicationRequest?page=2"),
        (f"{BASE}?_getpages=a&b=%20c", "?_getpages=a&b=%20c"),
        (f"{BASE}/?_getpages=a", "?_getpages=a"),
        ("https://EHR.example.org:443/fhir/r4/Medication/1", "Medication/1"),
        ("MedicationRequest?page=2", "MedicationRequest?page=2"),
        ("?page=2", "MedicationRequest?page=2"),
        ("/fhir/r4/MedicationRequest?page=2", "MedicationRequest?page=2"),
        ("//ehr.example.org/fhir/r4/MedicationRequest?page=2", "MedicationRequest?page=2"),
    ],
)
def test_a_link_inside_the_base_is_written_relative_to_it(link: str, expected: str) -> None:
    assert within(BASE, link, page=PAGE) == expected
    assert within(BASE, absolute(BASE, expected)) == expected


@pytest.mark.fault(10)
@pytest.mark.parametrize(
    "link",
    [
        "//evil.example.org/fhir/r4/MedicationRequest?page=2",
        "https://evil.example.org/fhir/r4/MedicationRequest?page=2",
        "https://ehr.example.org.evil.example.org/fhir/r4/x",
        "https://ehr.example.org@evil.example.org/fhir/r4/x",
        "https://user:word@ehr.example.org/fhir/r4/x",
        "http://ehr.example.org/fhir/r4/MedicationRequest",
        "https://ehr.example.org:8443/fhir/r4/MedicationRequest",
        "https://ehr.example.org:bad/fhir/r4/MedicationRequest",
        "https://[::1/fhir/r4/MedicationRequest",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "https://ehr.example.org/fhir/r4",
        "https://ehr.example.org/fhir/r4/",
        "https://ehr.example.org/fhir/r4x/MedicationRequest",
        "https://ehr.example.org/admin",
        "/admin?x=1",
        "../../admin",
        f"{BASE}/../../admin",
        f"{BASE}/%2e%2e/admin",
        f"{BASE}/%252e%252e/admin",
        f"{BASE}/..%2fadmin",
        f"{BASE}/..%5cadmin",
        f"{BASE}\\..\\admin",
        f"{BASE}/x#y",
        f"{BASE}/x y",
        f"{BASE}/x\r\nHost: evil",
        "/\\evil.example.org/x",
        "urn:uuid:3a1c8f52-6a0e-4c8e-9d0b-6f2f6b0f4d01",
        "",
    ],
)
def test_a_link_that_leads_anywhere_else_is_refused(link: str) -> None:
    assert within(BASE, link, page=PAGE) is None


def test_a_base_without_a_path_has_everything_of_its_host_inside() -> None:
    assert within("https://ehr.example.org", "https://ehr.example.org/Medication/1") == "Medication/1"
    assert within("https://ehr.example.org", "https://ehr.example.org?x=1") == "?x=1"


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_server_is_found_by_its_whole_base(slash: str) -> None:
    server = FhirServer(base=BASE + slash)
    assert find_server([server], BASE) == server
    assert find_server([server], f"{BASE}/") == server
    for other in (f"{BASE}//", "https://ehr.example.org/fhir", f"{BASE}/x", BASE.upper(), f"{BASE}?x", f" {BASE}", ""):
        assert find_server([server], other) is None


@pytest.mark.parametrize(
    "base",
    [
        "http://ehr.example.org/fhir",
        "http://10.0.0.1/fhir",
        "ftp://ehr.example.org",
        "ehr.example.org/fhir",
        "https:///fhir",
        "https://user:word@ehr.example.org/fhir",
        f"{BASE}?x=1",
        f"{BASE}#x",
        "https://ehr.example.org/fh ir",
        "https://10.0.0.1/fhir",
        "https://127.0.0.1/fhir",
        "https://localhost/fhir",
        "http://localhost:8080/fhir",
        "https://[fd00::1]/fhir",
        "https://2130706433/fhir",
    ],
)
def test_a_base_that_may_not_be_read_cannot_be_configured(base: str) -> None:
    with pytest.raises(ValidationError):
        FhirServer(base=base)


@pytest.mark.parametrize(
    "base", ["https://10.0.0.1/fhir", "http://localhost:8080/fhir", "http://127.0.0.1/fhir", "https://[fd00::1]/fhir"]
)
def test_a_private_address_can_be_configured_as_such(base: str) -> None:
    assert FhirServer(base=base, private=True).base == base


@pytest.mark.parametrize("base", ["https://169.254.169.254/fhir", "http://10.0.0.1/fhir", "https://0.0.0.0/fhir"])
def test_some_addresses_cannot_be_configured_at_all(base: str) -> None:
    with pytest.raises(ValidationError):
        FhirServer(base=base, private=True)


def test_every_type_that_we_ask_for_can_be_said_to_be_unsupported() -> None:
    kinds = tuple(template.replace("/", "?").partition("?")[0] for template in PREFETCH.values())
    assert FhirServer.model_validate({"base": BASE, "unsupported": kinds}).unsupported == kinds
