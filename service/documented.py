"""The exceptions that were documented for a patient: overrides for a reason that the knowledge marks as such.

Looked up while a call waits, so read only, for a short time only, and a failure means: no exception.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from cards import Catalogue
from cards.detect import DocumentedException
from service.answer import Documented, nothing_documented
from service.bounded import Bounded
from service.pseudonyms import Pseudonyms
from service.settings import Client, Settings
from service.store import FeedbackStore, Override
from service.telemetry import Counts

SECONDS = 0.05
SLOTS = 4
LOOKED_UP, FAILED = "exceptions-looked-up", "exceptions-not-looked-up"


@dataclass(frozen=True, slots=True)
class Memory:
    """Remembers documented exceptions for `days` days; 0 remembers none."""

    store: Callable[[], FeedbackStore]
    pseudonyms: Pseudonyms
    days: int
    zone: ZoneInfo
    counts: Counts = field(default_factory=Counts)
    bounded: Bounded = field(default_factory=lambda: Bounded(slots=SLOTS, seconds=SECONDS))

    @classmethod
    def of_site(cls, settings: Settings, store: Callable[[], FeedbackStore], pseudonyms: Pseudonyms) -> "Memory":
        """Remember for as long as the settings say."""
        return cls(store, pseudonyms, settings.remember_exceptions_days, settings.zone)

    def of(self, client: Client, catalogue: Catalogue, on: date) -> Documented:
        """Give the way to ask for a patient of a client, as of a day."""
        return partial(self._found, client, catalogue, on) if self.days else nothing_documented

    def _found(self, client: Client, catalogue: Catalogue, on: date, patient: str) -> tuple[DocumentedException, ...]:
        since = datetime.combine(on - timedelta(days=self.days), time(), self.zone)
        try:
            overrides = self.bounded(partial(self._overrides, client.id, patient, since))
        except Exception:
            # Whatever it is: a warning that could have been information is the right answer to it.
            self.counts.add([FAILED])
            return ()
        self.counts.add([LOOKED_UP])
        documenting = (item for item in overrides if documents(item, catalogue))
        return tuple(self._exception(item) for item in documenting)

    def _overrides(self, client: str, patient: str, since: datetime) -> tuple[Override, ...]:
        return self.store().overrides(client, self.pseudonyms.patient(client, patient), since)

    def _exception(self, override: Override) -> DocumentedException:
        on = override.at.astimezone(self.zone).date()
        until = on + timedelta(days=self.days)
        return DocumentedException(override.rule, override.ingredients, override.reason or "", on, until)


def documents(override: Override, catalogue: Catalogue) -> bool:
    """Say whether an override documents an exception: its reason does, and its rule offers that reason."""
    rule, reason = catalogue.rules.get(override.rule), catalogue.override_reasons.get(override.reason or "")
    if rule is None or reason is None or override.reason not in rule.override_reasons:
        return False
    return reason.documents_exception and override.reason_system in (None, catalogue.override_system)
