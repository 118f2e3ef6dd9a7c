"""`monitoring.yaml`: the orders of the monitoring card."""

from collections.abc import Mapping

from pydantic import Field

from cards.schema.part import Approval, CardSource, Slug, Strict, Text, Topic, Verification


class MonitoringItem(Strict):
    """One order of the monitoring card.

    `also` are the words by which the same order is known elsewhere. With one of `needless_with` on record the order
    has nothing to find out: it is not suggested, and the card says so.
    """

    order: Text
    when: Text
    verification: Verification
    also: tuple[Text, ...] = ()
    needless_with: tuple[Slug, ...] = ()
    warning: Text | None = None
    note: Text | None = None


class MonitoringFile(Strict):
    """`monitoring.yaml`."""

    rule: Slug
    topic: Topic
    source: CardSource
    seen: Text
    items: Mapping[Slug, MonitoringItem] = Field(min_length=1)
    approval: Approval = Approval()
