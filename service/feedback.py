"""The feedback pages: what clinicians did with the cards (CDS Hooks 2.0.1, Feedback)."""

from collections.abc import Iterable
from datetime import datetime
from functools import partial

from flask import Blueprint, Response

from service import wire
from service.audit.decision import Reaction
from service.bounded import Bounded, TooSlow
from service.discovery import Service
from service.errors import StoreUnavailable
from service.hooks import caller, named_service, read_body, request_deviations
from service.notes import notes
from service.pseudonyms import Pseudonyms
from service.settings import Client
from service.site import Site
from service.store import FeedbackEntry, State
from service.wire import Told

# Feedback may not use up the threads that calls need, however slow the database is.
SLOTS, SECONDS = 8, 5.0
LARGEST_BODY = 2 * 1024**2
ELSEWHERE = "feedback-on-card-of-another-client"


def feedback_blueprint(site: Site) -> Blueprint:
    """Make the feedback page of every service. It answers 200 when the feedback is written, and 503 until then."""
    pages = Blueprint("feedback", __name__)
    settings, in_flight, counts = site.settings, site.in_flight, site.counts
    bounded = Bounded(slots=SLOTS, seconds=SECONDS)
    limit, remedy = min(settings.max_body_bytes, LARGEST_BODY), "Send it in several posts."

    @pages.post("/cds-services//<service_id>/feedback", provide_automatic_options=False)
    @pages.post("/cds-services/<service_id>/feedback", provide_automatic_options=False)
    def feedback(service_id: str) -> Response:
        service = named_service(service_id)
        with in_flight.call():
            return answered(service, site.clock())

    def answered(service: Service, now: datetime) -> Response:
        client = caller(site.trust, service, now, feedback=True)
        with in_flight.waiting_for_caller():
            body = read_body(limit, remedy)
        deviations = request_deviations()
        given = wire.read_feedback(body, now)
        counts.add((*deviations, *given.deviations))
        keep = partial(_entries, client, given.entries, site.pseudonyms, comments=settings.user_comments == "keep")
        try:
            taken = bounded(lambda: site.store().add_feedback(client.id, keep(), now))
        except (TooSlow, OSError) as error:
            raise StoreUnavailable(State.UNUSABLE) from error
        site.ledger.start()
        if site.trail is not None:
            for told in given.entries:
                site.trail.take(_reaction(told, client, now))
        counts.add([ELSEWHERE] * taken.elsewhere)
        notes().said |= {
            "outcome": "feedback",
            "entries": len(given.entries),
            "stored": taken.stored,
            "deviations": (*deviations, *given.deviations),
        }
        # The standard leaves the body open; an empty object is JSON for clients that parse every answer.
        return Response(b"{}", mimetype="application/json")

    return pages


def _reaction(told: Told, client: Client, now: datetime) -> Reaction:
    return Reaction(now, notes().request_id, client.id, told.card, told.outcome, told.reason_code, told.accepted)


def _entries(client: Client, told: Iterable[Told], pseudonyms: Pseudonyms, *, comments: bool) -> list[FeedbackEntry]:
    return [
        FeedbackEntry(
            card=item.card,
            outcome=item.outcome,
            outcome_at=item.at,
            # With the key, so that a comment that is not kept cannot be guessed from it.
            digest=pseudonyms.told(client.id, *item.parts),
            accepted=item.accepted,
            reason_system=item.reason_system,
            reason_code=item.reason_code,
            commented=item.comment is not None,
            comment=item.comment if comments else None,
        )
        for item in told
    ]
