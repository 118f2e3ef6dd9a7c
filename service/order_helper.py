"""A second CDS service for trying the first: its cards put drugs of the catalogue into a draft, one click each.

The picker of the public CDS Hooks sandbox has no upadacitinib and no biologic. This is a test tool: it exists only
with the setting `order_helper`, on loopback, and says nothing about safety.
"""

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import msgspec
from flask import Blueprint, Response, request

from cards import Catalogue
from cards.model import Code, System
from cards.schema.ingredients import Category
from service import wire
from service.discovery import ORDER_HELPER
from service.errors import UnknownService
from service.hooks import caller, read_body, request_deviations
from service.notes import notes
from service.site import Site
from service.trust import is_loopback
from service.wire.orders import new_medication_request

_IDS = uuid5(NAMESPACE_URL, "urn:upadacitinib-cds:order-helper")
_SOURCE = "Order helper (test tool)"
_DETAIL = "For testing only: a click puts the drug into the draft order. Nothing is said here about its safety."


def order_helper_blueprint(site: Site) -> Blueprint:
    """Make the pages of the order helper. Whoever may call the service may call these, from this machine."""
    pages = Blueprint("order_helper", __name__)

    @pages.before_request
    def here_only() -> None:
        if request.remote_addr and not is_loopback(request.remote_addr):
            raise UnknownService("The order helper is for this machine alone.")

    def called(*, feedback: bool = False) -> bytes:
        notes().said = {"service": ORDER_HELPER.id, "hook": ORDER_HELPER.hook, "outcome": "order-helper"}
        caller(site.trust, ORDER_HELPER, site.clock(), feedback=feedback)
        body = read_body(site.settings.max_body_bytes)
        request_deviations()
        return body

    @pages.post(f"/cds-services//{ORDER_HELPER.id}", provide_automatic_options=False)
    @pages.post(f"/cds-services/{ORDER_HELPER.id}", provide_automatic_options=False)
    def call() -> Response:
        asked = wire.read_request(called(), ORDER_HELPER)
        cards = helper_cards(site.usable_engine().catalogue, site.settings.jurisdiction, asked.patient)
        return Response(msgspec.json.encode({"cards": cards}), mimetype="application/json")

    @pages.post(f"/cds-services//{ORDER_HELPER.id}/feedback", provide_automatic_options=False)
    @pages.post(f"/cds-services/{ORDER_HELPER.id}/feedback", provide_automatic_options=False)
    def feedback() -> Response:
        # What is said of a test tool is read and not kept.
        wire.read_feedback(called(feedback=True), site.clock())
        return Response(b"{}", mimetype="application/json")

    return pages


def helper_cards(catalogue: Catalogue, jurisdiction: str, patient: str) -> list[dict[str, Any]]:
    """Give a card for the subjects of the rules and one for each kind of partner, with a suggestion for each drug.

    A drug is offered by its name and the RxNorm code of the ingredient; one without such a code is left out.
    """
    subjects = catalogue.subjects_in(jurisdiction)
    groups = {"checked with every other": subjects} | {
        category.value: [key for key in _partners(catalogue, jurisdiction) if _category(catalogue, key) is category]
        for category in Category
    }
    return [_card(title, [*_offered(catalogue, keys)], patient) for title, keys in groups.items() if keys]


def _partners(catalogue: Catalogue, jurisdiction: str) -> Iterator[str]:
    members = catalogue.in_scope(jurisdiction) - frozenset(catalogue.subjects_in(jurisdiction))
    return (key for key in catalogue.ingredients if key in members)


def _category(catalogue: Catalogue, ingredient: str) -> Category:
    return catalogue.drug_class(ingredient).category


def _offered(catalogue: Catalogue, ingredients: Iterable[str]) -> Iterator[tuple[str, Code]]:
    for key in ingredients:
        item = catalogue.ingredients[key]
        if item.systemic and (code := item.order_code):
            yield item.name, Code(System.RXNORM, code)


def _card(title: str, drugs: Iterable[tuple[str, Code]], patient: str) -> dict[str, Any]:
    return {
        "uuid": str(uuid5(_IDS, title)),
        "summary": f"Test tool: put a drug into the draft ({title})",
        "detail": _DETAIL,
        "indicator": "info",
        "source": {"label": _SOURCE},
        "selectionBehavior": "at-most-one",
        "suggestions": [_suggestion(name, code, patient) for name, code in drugs],
    }


def _suggestion(name: str, code: Code, patient: str) -> dict[str, Any]:
    order = new_medication_request(name, code, patient)
    action = {"type": "create", "description": f"Order {name}", "resource": order}
    return {"label": name, "uuid": str(uuid5(_IDS, code.value)), "actions": [action]}
