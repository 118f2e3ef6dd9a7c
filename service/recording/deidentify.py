"""A call without the person: what the policy lists is kept, in the form that it gives to each kind of element.

Nothing is looked for and taken out; what nobody has listed never gets in. Ids become keyed hashes, the same wherever
they stand, and all dates of a patient move by one offset, so that the call can be answered again, with the same cards.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from cards.model import is_id
from cards.text import escape
from service import strict_json
from service.discovery import PREFETCH
from service.errors import InvalidRequest
from service.fhir.modifiers import is_modified
from service.fhir_access.fetch import FhirCall
from service.recording.addresses import SERVER, Addresses
from service.recording.codes import Codes
from service.recording.days import Days
from service.recording.key import Pseudonyms
from service.recording.lines import Exchange
from service.recording.policy import Policy, Spec
from service.recording.scalars import WITHHELD, as_text, boolean, http_status, number
from service.recording.words import Vocabulary, masked
from service.wire import last_two

NOT_JSON = b"(not JSON)"
PUBLIC_PAGE = "https://service.invalid"
MODIFIER = "https://modifier.invalid/"
# A card shows at most so much of a text, so that is how a text of the record is found in it again.
_SHOWN = (60, 120)

_PAGE = re.compile(r"/evidence/([a-z0-9-]+)$")
_STATUSES = range(100, 600)
_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_GONE = object()
_NO_ID = "?"
# A fraction is no id that an action or a reference could name; which one it was is nobody's business.
_FRACTION = Decimal("0.5")


class Unreadable(Exception):
    """A call whose body is no JSON that everybody reads in one way; it cannot be de-identified, so it is not kept."""


def deidentified(
    exchange: Exchange, pseudonyms: Callable[[str], Pseudonyms | None], vocabulary: Vocabulary, policy: Policy
) -> Exchange | None:
    """Return an exchange without the person, or None where `pseudonyms` has none for the id of the patient.

    Raises Unreadable.
    """
    try:
        request = strict_json.loads(exchange.request, "The request")
    except InvalidRequest:
        raise Unreadable from None
    if not isinstance(request, dict):
        raise Unreadable
    chosen = pseudonyms(patient_of(request))
    if chosen is None:
        return None
    call = Deidentifier(chosen, vocabulary, policy, exchange.on, server_of(request))
    asked = call.json(exchange.request, policy.request)
    reads = tuple(call.fhir_call(read) for read in exchange.fhir_calls)
    return replace(
        exchange,
        id=chosen.hashed(exchange.id),
        at=exchange.at.replace(microsecond=0) + chosen.days,
        on=exchange.on + chosen.days,
        request=asked,
        fhir_calls=reads,
        response=call.json(exchange.response, policy.response) if exchange.response else b"",
        client=chosen.hashed(exchange.client) if exchange.client else None,
        feedback=tuple(call.json(entry, policy.feedback) for entry in exchange.feedback),
        exceptions=tuple(
            replace(item, on=item.on + chosen.days, until=item.until + chosen.days) for item in exchange.exceptions
        ),
    )


def patient_of(request: Mapping[str, Any]) -> str:
    """Return the id of the patient of a parsed request, empty where it names none."""
    context = request.get("context")
    if isinstance(context, list) and context:
        context = context[0]
    patient = context.get("patientId") if isinstance(context, dict) else None
    return last_two(patient).rpartition("/")[2] if isinstance(patient, str) else ""


def server_of(request: Mapping[str, Any]) -> str | None:
    """Return the address of the FHIR server of a parsed request."""
    server = request.get("fhirServer")
    return server.strip() or None if isinstance(server, str) else None


class Deidentifier:
    """Rewrites the bodies of one call, the request first: the texts and days in it are those that a card may show."""

    def __init__(
        self, pseudonyms: Pseudonyms, vocabulary: Vocabulary, policy: Policy, on: date, server: str | None
    ) -> None:
        self._hashed = pseudonyms.hashed
        self._dates = Days(pseudonyms.days, on)
        self._vocabulary, self._policy = vocabulary, policy
        self._codes = Codes(policy, vocabulary, pseudonyms.hashed)
        self._addresses = Addresses(policy, pseudonyms.hashed, server)
        self._shown: dict[str, str] = {}
        self._in_cards: dict[str, str] = {}
        self._counted = 0
        self.is_ours = False
        self._kinds: Mapping[str, Callable[[Any], Any]] = {
            "address": self._address,
            "birth-date": self._dates.birth,
            "boolean": boolean,
            "card-coding": lambda value: self._coding(value, self._card_words),
            "card-words": self._card_words,
            "code": self._code,
            "coding": lambda value: self._coding(value, self._words),
            "date": self._dates.moved,
            "delivered": self._delivered,
            "id": self._id,
            "modifier": self._modifier,
            "number": number,
            "prefetch": self._prefetch,
            "present": lambda value: _GONE if value in (None, False) else {},
            "public-address": self._public_address,
            "reference": self._reference,
            "resource": self._resource,
            "server": lambda value: SERVER if isinstance(value, str) and value.strip() else None,
            "status": http_status,
            "system": self._system,
            "token": self._token,
            "type": self._type,
            "words": self._words,
        }

    def json(self, body: bytes, spec: Spec) -> bytes:
        """Rewrite a body; one that is no JSON becomes a text that is none either."""
        try:
            value = _DECODER.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return NOT_JSON
        # A text that our answer brings is ours, unless it came with the call.
        self.is_ours = spec is self._policy.response
        return _ENCODER.encode(self.value(value, spec))

    def value(self, value: Any, spec: Spec) -> Any:
        """Rewrite a parsed value by its spec."""
        kept = self._apply(spec, value)
        return None if kept is _GONE else kept

    def fhir_call(self, call: FhirCall) -> FhirCall:
        """Rewrite a recorded read: its address, and its body."""
        problem = None if call.problem is None else masked(call.problem, self._vocabulary.card, self._dates.in_text)
        body = self.json(call.body, "delivered") if call.body else b""
        method = call.method if call.method in ("GET", "POST") else WITHHELD
        status = call.status if call.status in _STATUSES else None
        return FhirCall(method, self._addresses.link(call.url), status, body, problem)

    def _apply(self, spec: Spec, value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, list):
            kept = [self._apply(spec, item) for item in value]
            return [item for item in kept if item is not _GONE]
        if isinstance(spec, str):
            return self._kinds[spec](value)
        if isinstance(value, dict):
            return self._members(spec, value)
        return self._bare(spec, value)

    def _members(self, spec: Mapping[str, Spec], value: Mapping[str, Any]) -> dict[str, Any]:
        if spec is self._policy.response and isinstance(value.get("resourceType"), str):
            return self._resource(value)  # type: ignore[no-any-return]
        kept = {name: self._apply(part, value[name]) for name, part in spec.items() if name in value}
        return {name: kept[name] for name in value if kept.get(name, _GONE) is not _GONE}

    def _bare(self, spec: Mapping[str, Spec], value: Any) -> Any:
        """Rewrite a text or number in place of an object: the text of a concept, or a reference."""
        if not isinstance(value, str):
            return number(value)
        if "reference" in spec and "text" not in spec:
            return self._reference(value)
        return value if value.strip().lower() in self._policy.codes else self._words(value)

    # Each kind of the policy.

    def _id(self, value: Any) -> Any:
        if isinstance(value, Decimal):
            return _FRACTION
        text = as_text(value)
        if not text:
            return _GONE if text is None else text
        # No action can name what is no id; with a plain hash one could.
        return self._hashed(text) if is_id(text) else f"{_NO_ID}{self._hashed(text.removeprefix(_NO_ID))}"

    def _reference(self, value: Any) -> Any:
        text = as_text(value)
        return {} if text is None else self._addresses.reference(text)

    def _address(self, value: Any) -> Any:
        return self._addresses.link(value) if isinstance(value, str) else {}

    def _public_address(self, value: Any) -> Any:
        if not isinstance(value, str):
            return {}
        if value in self._vocabulary.addresses:
            return value
        page = _PAGE.search(value)
        return PUBLIC_PAGE + (page[0] if page and page[1] in self._vocabulary.rules else "")

    def _code(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self._members(self._policy.concept, value)
        known = isinstance(value, str) and value.strip().lower() in self._policy.codes
        return value if known else WITHHELD

    def _type(self, value: Any) -> Any:
        return value if isinstance(value, str) and value in self._policy.types else WITHHELD

    def _words(self, value: Any) -> Any:
        if not isinstance(value, str):
            return number(value)
        if value not in self._shown:
            if self.is_ours:
                return self._card_words(value)
            self._shown[value] = masked(value, self._vocabulary.record, self._dates.in_text)
        return self._shown[value]

    def _card_words(self, value: Any) -> Any:
        """Rewrite a text of ours: what it shows of the record as there, every other word only if we use it."""
        if not isinstance(value, str):
            return number(value)
        if self._counted != len(self._shown):
            self._counted, self._in_cards = len(self._shown), self._as_shown()
        shown = self._in_cards
        pattern = "|".join(rf"(?<!\w){re.escape(text)}(?!\w)" for text in sorted(shown, key=len, reverse=True))
        parts = re.split(f"({pattern})", value) if shown else [value]
        # Every second part is a text of the record.
        return "".join(
            shown[part] if index % 2 else masked(part, self._vocabulary.card, self._dates.in_card)
            for index, part in enumerate(parts)
        )

    def _as_shown(self) -> dict[str, str]:
        """Map what a card shows of the record to what it shows of the recording, where words alone do not tell."""
        found: dict[str, str] = {}
        for text, kept in self._shown.items():
            for most in _SHOWN:
                before, after = escape(text, most), escape(kept, most)
                as_ours = masked(before, self._vocabulary.card, self._dates.in_card)
                if before and (text != kept or as_ours != after):
                    found[before] = after
        return found

    def _modifier(self, value: Any) -> Any:
        if not value:
            return _GONE
        return MODIFIER if isinstance(value, str) else {"url": MODIFIER}

    def _token(self, value: Any) -> Any:
        """Stand in for the access to the FHIR server, so that a replay takes the same way; no part of it is kept."""
        if not isinstance(value, dict):
            return WITHHELD
        bearer = str(value.get("token_type", "")).strip().lower() == "bearer"
        kept = {
            "access_token": WITHHELD if value.get("access_token") else None,
            "token_type": "Bearer" if bearer else WITHHELD if value.get("token_type") else None,
            "patient": self._id(value["patient"]) if isinstance(value.get("patient"), str) else None,
        }
        return {name: item for name, item in kept.items() if item is not None}

    def _system(self, value: Any) -> Any:
        return self._codes.system(value) if isinstance(value, str) and value.strip() else _GONE

    def _coding(self, value: Any, words: Callable[[Any], Any]) -> Any:
        if not isinstance(value, dict):
            return words(value)
        kept: dict[str, Any] = {}
        for name, part in value.items():
            if name == "system":
                kept[name] = self._system(part)
            elif name == "code":
                code = self._codes.code(value.get("system"), part)
                kept[name] = _GONE if code is None else code
            elif name == "display":
                kept[name] = None if part is None else words(part)
        return {name: part for name, part in kept.items() if part is not _GONE}

    def _prefetch(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return self._delivered(value)
        kept: dict[str, Any] = {}
        for place, (name, part) in enumerate(value.items()):
            # Only the names of our own keys matter to the answer; another one may say anything.
            kept[name if name in PREFETCH else f"other{place}"] = self._apply("delivered", part)
        return {name: part for name, part in kept.items() if part is not _GONE}

    def _delivered(self, value: Any) -> Any:
        if isinstance(value, dict) and not isinstance(value.get("resourceType"), str):
            return self._members(self._policy.entry, value)
        return self._resource(value)

    def _resource(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return self._words(value)
        kind = value.get("resourceType")
        # A contained resource without a type is read as a Medication.
        spec = self._policy.resources.get("Medication" if kind is None else kind if isinstance(kind, str) else "")
        kept = self._members({"resourceType": "type", "id": "id"} if spec is None else spec, value)
        if kind != "Bundle" and is_modified(value) and not is_modified(kept):
            # It stood in an element that is not kept, and it turns the meaning of the whole.
            kept["modifierExtension"] = [{"url": MODIFIER}]
        return kept
