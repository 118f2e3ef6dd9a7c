"""Proof that a recording holds nobody: every element in the form that the policy gives it, and no word of a list.

Two looks that do not rely on each other. The first de-identifies each exchange once more, with hashes and days left as
they are: where that changes anything, something stands there that should not. The second looks at the bare texts,
whatever their place: canaries, long numbers, e-mail addresses, tokens, hosts. A finding names its place, never a value.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from service.discovery import PREFETCH, SERVICES
from service.fhir import systems
from service.recording.deidentify import Deidentifier, server_of
from service.recording.format import Exchange, Header, read_recording
from service.recording.key import is_hash
from service.recording.policy import Policy, Spec
from service.recording.scalars import WITHHELD
from service.recording.words import Vocabulary

_LONG_NUMBER = re.compile(r"\d{7}")
_MAIL = re.compile(r"[^\s@]\\?@\\?[^\s@]")
_TOKEN = re.compile(r"eyJ[\w-]{8}")
_HOST = re.compile(r"[a-z][a-z0-9+.-]*\\?:\\?/\\?/([^/\s\"?#]*)", re.IGNORECASE)
_MOST_OF_A_LINE = 20
_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_SHA = re.compile(r"[0-9a-f]{64}")
_VERSION = re.compile(r"\d{1,4}\.\d{1,4}\.\d{1,4}(-[0-9A-Za-z.]{1,20})?(\+[a-z0-9-]{1,40}\.\d{1,6})?")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a recording must not hold, by its place."""

    file: Path
    line: int
    place: str
    what: str

    def __str__(self) -> str:
        """Write the finding for a reader."""
        return f"{self.file}, line {self.line}, {self.place}: {self.what}"


@dataclass(frozen=True)
class Lint:
    """The proof, for one knowledge, policy and list of canaries."""

    words: Vocabulary
    policy: Policy
    canaries: tuple[str, ...] = ()

    def findings(self, file: Path) -> Iterator[Finding]:
        """Yield what is wrong with a file, at most 20 findings a line. Raises RecordingError for no recording."""
        exchanges = read_recording(file)
        yield from (Finding(file, 1, "header", what) for what in self._header(exchanges.header))
        for exchange in exchanges:
            found = dict.fromkeys((*self._by_policy(exchange), *self._by_text(exchange)))
            for place, what in list(found)[:_MOST_OF_A_LINE]:
                yield Finding(file, exchanges.line, place, what)

    def _header(self, header: Header) -> Iterator[str]:
        if not header.deidentified:
            yield "says that the recording is not de-identified"
        if header.policy != self.policy.version:
            yield f"another policy made it; this version proves policy {self.policy.version}"

    def _by_policy(self, exchange: Exchange) -> Iterator[tuple[str, str]]:
        request = _DECODER.decode(exchange.request)
        again = Deidentifier(
            _AsTheyAre(),
            self.words,
            self.policy,
            exchange.on,
            server_of(request) if isinstance(request, dict) else None,
        )
        yield from self._compared("request", request, again, self.policy.request)
        for number, call in enumerate(exchange.fhir_calls):
            kept = again.fhir_call(call)
            if kept != call:
                yield f"fhirCalls[{number}]", "address or problem as no de-identification leaves it"
            if call.body and kept.body == call.body:
                continue
            if call.body:
                yield from self._compared(f"fhirCalls[{number}].body", _parsed(call.body), again, "delivered")
        if exchange.response:
            response = _DECODER.decode(exchange.response)
            again.is_ours = True
            yield from self._compared("response", response, again, self.policy.response)
        for number, entry in enumerate(exchange.feedback):
            yield from self._compared(f"feedback[{number}]", _DECODER.decode(entry), again, self.policy.feedback)
        yield from self._envelope(exchange)

    def _envelope(self, exchange: Exchange) -> Iterator[tuple[str, str]]:
        if not is_hash(exchange.id):
            yield "id", "not hashed"
        if exchange.client is not None and not is_hash(exchange.client):
            yield "client", "not hashed"
        fits = {
            "service": exchange.service in {service.id for service in SERVICES},
            "hook": exchange.hook in self.policy.codes,
            "profile": exchange.profile in ("spec", "epic", "sandbox"),
            "jurisdiction": exchange.jurisdiction in self.words.card,
            "knowledge.version": _VERSION.fullmatch(exchange.knowledge_version or "0.0.0"),
            "knowledge.sha256": _SHA.fullmatch(exchange.knowledge_sha256 or "0" * 64),
        }
        yield from ((place, "a word that does not belong here") for place, fit in fits.items() if not fit)

    def _compared(self, place: str, value: Any, again: Deidentifier, spec: Spec) -> Iterator[tuple[str, str]]:
        yield from self._differences(place, value, again.value(value, spec))

    def _differences(self, place: str, value: Any, kept: Any) -> Iterator[tuple[str, str]]:
        if isinstance(value, Mapping) and isinstance(kept, Mapping):
            for name, part in value.items():
                where = f"{place}.{self._shown(name)}"
                if name not in kept:
                    yield where, "an element that the policy does not list"
                else:
                    yield from self._differences(where, part, kept[name])
        elif isinstance(value, list) and isinstance(kept, list) and len(value) == len(kept):
            for index, (part, kept_part) in enumerate(zip(value, kept, strict=True)):
                yield from self._differences(f"{place}[{index}]", part, kept_part)
        elif value != kept or isinstance(value, bool) != isinstance(kept, bool):
            yield place, "a value as no de-identification leaves it"

    def _by_text(self, exchange: Exchange) -> Iterator[tuple[str, str]]:
        bodies: list[tuple[str, Any]] = [
            ("id", exchange.id),
            ("service", exchange.service),
            ("hook", exchange.hook),
            ("client", exchange.client or ""),
            ("profile", exchange.profile),
            ("jurisdiction", exchange.jurisdiction),
            ("knowledge.version", exchange.knowledge_version or ""),
            ("request", _DECODER.decode(exchange.request)),
            ("response", _DECODER.decode(exchange.response) if exchange.response else None),
            *((f"feedback[{number}]", _DECODER.decode(entry)) for number, entry in enumerate(exchange.feedback)),
        ]
        for number, call in enumerate(exchange.fhir_calls):
            about = {"method": call.method, "url": call.url, "problem": call.problem, "body": _parsed(call.body)}
            bodies.append((f"fhirCalls[{number}]", about))
        for place, body in bodies:
            for where, text, is_code in self._strings(place, body):
                yield from ((where, what) for what in self._faults(text, is_code=is_code))

    def _strings(self, place: str, value: Any, *, is_code: bool = False) -> Iterator[tuple[str, str, bool]]:
        """Yield every text, name and number with its place, and whether it is the code of a system that is known."""
        if isinstance(value, Mapping):
            address = value.get("system")
            coded = isinstance(address, str) and self._is_known(address)
            for name, part in value.items():
                where = f"{place}.{self._shown(name)}"
                yield where, name, False
                yield from self._strings(where, part, is_code=coded and name == "code")
        elif isinstance(value, list):
            for index, part in enumerate(value):
                yield from self._strings(f"{place}[{index}]", part)
        elif value is not None and not isinstance(value, bool):
            yield place, str(value), is_code

    def _is_known(self, address: str) -> bool:
        return systems.system_of(address) is not None or systems.is_local(address, self.words.local)

    def _faults(self, text: str, *, is_code: bool) -> Iterator[str]:
        folded = text.casefold()
        if any(canary in folded for canary in self._folded_canaries):
            yield "a word of the list"
        if text in self.words.addresses:
            return
        if not is_code and _LONG_NUMBER.search(text):
            yield "a number of seven digits or more"
        if _MAIL.search(text):
            yield "an e-mail address"
        if _TOKEN.search(text):
            yield "a token"
        for host in _HOST.findall(text):
            if not host.endswith(".invalid") and host not in self._hosts:
                yield "an address of a host that is no terminology"

    @cached_property
    def _folded_canaries(self) -> Sequence[str]:
        return tuple(word.casefold() for word in self.canaries)

    @cached_property
    def _hosts(self) -> frozenset[str]:
        local = (code.partition("|")[0] for code in self.words.local)
        known = (*self.words.addresses, *self.policy.systems, *systems.ADDRESSES, *local)
        return frozenset(host for address in known if (host := urlsplit(address).netloc))

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset((*self.policy.elements, *PREFETCH))

    def _shown(self, name: str) -> str:
        """Return the name of an element for a message, if it is one: any other may say anything."""
        return name if name in self._names else "(another)"


class _AsTheyAre:
    """Leaves hashes and days as they are; what is no hash stands out."""

    days = timedelta()

    def hashed(self, value: str) -> str:
        """Return a hash as it is."""
        return value if is_hash(value) else WITHHELD


def _parsed(body: bytes) -> Any:
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return body.decode("utf-8", "replace")


def listed_canaries(given: Iterable[str], text: str = "") -> tuple[str, ...]:
    """Collect canaries: those given, and each line of a text; one of fewer than three characters is none."""
    words = (*given, *text.splitlines())
    return tuple(dict.fromkeys(stripped for word in words if len(stripped := word.strip()) > 2))
