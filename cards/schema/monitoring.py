"""`monitoring.yaml`: the orders of the monitoring card."""

from collections.abc import Mapping

from pydantic import Field

from cards.schema.part import Approval, CardSource, Slug, Strict, Text, Topic, Verification


class MonitoringItem(Strict):
    """One order of the monitoring card; where `group` is on record, the card says so."""

    order: Text
    when: Text
    verification: Verification
    group: Slug | None = None
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
