"""Requests with a canary in every place where a person could be: whatever the service writes may not hold one.

A canary is a word with `canary` in it, so that one look finds all of them, in whatever form they got out.
"""

import gzip
import json
from pathlib import Path
from typing import Any

SIGN = b"canary"
TOKEN = "canary-token-Zm9vYmFy"
SERVER = "https://ehr.example.org/fhir"
NARRATIVE = {"status": "generated", "div": "<div xmlns='http://www.w3.org/1999/xhtml'>Vera Canary</div>"}


def planted(body: bytes) -> bytes:
    """Return a hook request with canaries: ids, names, numbers, token, narratives, notes, texts, unknown keys."""
    request = json.loads(body)
    context = request.get("context") if isinstance(request, dict) else None
    if not isinstance(context, dict):
        return body
    patient = context.get("patientId")
    if isinstance(patient, str) and patient:
        bare = patient.rpartition("/")[2]
        text = json.dumps(request).replace(f'"{bare}"', '"canary-patient-1"').replace(f'/{bare}"', '/canary-patient-1"')
        request = json.loads(text)
    request["context"] |= {"userId": "Practitioner/canary-user", "encounterId": "canary-visit", "canary-key": "Canary"}
    request["extension"] = {"org.canary": "Vera Canary"}
    if "fhirServer" not in request:
        request["fhirServer"] = SERVER
        request["fhirAuthorization"] = {"access_token": TOKEN, "token_type": "Bearer", "subject": "canary-subject"}
    _plant(request)
    return json.dumps(request).encode()


def _plant(value: Any) -> None:
    if isinstance(value, list):
        for part in value:
            _plant(part)
    if not isinstance(value, dict):
        return
    for part in list(value.values()):
        _plant(part)
    match value.get("resourceType"):
        case "Patient":
            value["name"] = [{"family": "Canary", "given": ["Vera"]}]
            value["telecom"] = [{"system": "email", "value": "vera@canary.example.org"}]
        case str(kind) if kind not in ("Bundle", "OperationOutcome"):
            value["note"] = [{"text": "Vera Canary was here"}]
    if "resourceType" in value and value["resourceType"] != "Bundle":
        value["text"] = NARRATIVE
        value["identifier"] = [{"system": "urn:mrn", "value": "MRN-canary-771"}]
    concept = value.get("medicationCodeableConcept")
    if isinstance(concept, dict) and isinstance(concept.get("text"), str):
        concept["text"] += " for Canary"


def contents(folder: Path) -> bytes:
    """Return all that is in the files of a folder, unpacked."""
    found = [(path.read_bytes(), path.suffix) for path in sorted(folder.rglob("*")) if path.is_file()]
    return b"\n".join(gzip.decompress(data) if suffix == ".gz" else data for data, suffix in found)


def leak(written: bytes) -> str | None:
    """Return what stands around the first canary, or nothing."""
    at = written.lower().find(SIGN)
    return None if at < 0 else written[max(0, at - 120) : at + 60].decode(errors="replace")
