"""References and links without hosts and ids: what remains is the type, the form of the address, and hashes."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from service.recording.policy import Policy

SERVER = "https://fhir.invalid/r4"
# A link that leads away from the FHIR server of the call leads away from it in the recording too.
ELSEWHERE = "https://elsewhere.invalid"
_URNS = ("urn:uuid:", "urn:oid:")
_NUMBER = re.compile(r"\d{1,4}")
# Of all numbers these alone are of nobody.
_COUNTED = ("_count", "_offset", "_page", "_getpagesoffset", "page", "offset", "count")
_LISTED = ("_sort", "_include", "_revinclude", "_elements", "_summary", "_format")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Rewrites the references and links of one call, whose FHIR server is `base`."""

    policy: Policy
    hashed: Callable[[str], str]
    base: str | None = None

    def reference(self, text: str) -> str:
        """Rewrite a reference: `Type/id`, an id alone, `#id`, a urn, or an absolute address."""
        plain = text.strip()
        if plain.startswith("#"):
            return f"#{self.hashed(plain[1:])}" if len(plain) > 1 else plain
        for urn in _URNS:
            if plain.startswith(urn):
                return urn + self.hashed(plain.removeprefix(urn))
        if not plain:
            return text
        bare = plain.partition("?")[0].partition("/_history/")[0].rstrip("/")
        *before, own = bare.split("/")
        kind = before[-1] if before and before[-1] in self.policy.types else None
        short = "/".join(part for part in (kind, self.hashed(own)) if part)
        if "://" not in plain:
            return short
        known = self.base is None or self._under(plain, self.base) or self._under(plain, SERVER)
        return f"{SERVER if known and not self._under(plain, ELSEWHERE) else ELSEWHERE}/{short}"

    def link(self, text: str) -> str:
        """Rewrite a link of a Bundle, or the address of a read relative to the server."""
        plain = text.strip()
        for base in filter(None, (self.base, SERVER)):
            if self._under(plain, base):
                return SERVER + self._relative(plain.removeprefix(base.rstrip("/")))
        try:
            parts = urlsplit(plain)
        except ValueError:
            return ELSEWHERE
        if not parts.scheme and not parts.netloc:
            return self._relative(plain)
        rest = self._relative(parts.path + (f"?{parts.query}" if parts.query else ""))
        return (ELSEWHERE if parts.scheme else ELSEWHERE.removeprefix("https:")) + rest

    @staticmethod
    def _under(text: str, base: str) -> bool:
        bare = base.rstrip("/")
        return text == bare or text.startswith((f"{bare}/", f"{bare}?"))

    def _relative(self, text: str) -> str:
        path, mark, query = text.partition("?")
        segments = [self._segment(unquote(part)) for part in path.split("/")]
        pairs = parse_qsl(query.partition("#")[0], keep_blank_values=True)
        written = "&".join(f"{self._name(name)}={self._value(name, value)}" for name, value in pairs)
        return "/".join(segments) + mark + written

    def _segment(self, part: str) -> str:
        known = part in self.policy.types or part in self.policy.parameters or part in ("", "..", ".")
        return part if known else self.hashed(part)

    def _name(self, name: str) -> str:
        bare, colon, modifier = name.partition(":")
        if bare not in self.policy.parameters:
            return self.hashed(name)
        return bare + (colon + modifier if modifier in self.policy.types or modifier in self.policy.codes else "")

    def _value(self, name: str, value: str) -> str:
        if name in _COUNTED and _NUMBER.fullmatch(value):
            return value
        parts = value.split(",")
        return ",".join(quote(self._one_value(name.partition(":")[0], part), safe="/:") for part in parts)

    def _one_value(self, name: str, value: str) -> str:
        plain = value in self.policy.codes or value.removeprefix("-") in self.policy.parameters
        if not value or plain or (name in _LISTED and value in self.policy.types):
            return value
        return self.reference(value) if "/" in value else self.hashed(value)
