"""What is emitted: discovery, cards, errors and health. Nothing is in an answer that is not named here."""

from cards.build import LONGEST_SUMMARY
from cards.model import Indicator, SelectionBehavior
from cards.text import LONGEST_DETAIL
from service.discovery import Service
from service.errors import ServiceError
from service.in_force import Outcome
from service.openapi.schema import (
    ADDRESS,
    NUMBER,
    SHA256,
    SYSTEM,
    TEXT,
    UUID,
    Json,
    any_number,
    closed,
    counted,
    described,
    lenient,
    one_of,
    ref,
    some,
    whole,
)
from service.settings import Settings
from service.store import State
from service.wire.request import Deviation


def discovery(services: tuple[Service, ...]) -> Json:
    """Return the schema of the discovery document: these services, each as it is announced."""
    each = {"oneOf": [_announced(service) for service in services]}
    return whole(services={**some(each, maxItems=len(services)), "minItems": len(services), "uniqueItems": True})


def _announced(service: Service) -> Json:
    members = {
        "hook": {"const": service.hook},
        "id": {"const": service.id},
        "title": {"const": service.title},
        "description": {"const": service.description},
        "usageRequirements": {"const": service.usage_requirements},
    }
    if service.prefetch:
        members["prefetch"] = whole(**{key: {"const": template} for key, template in service.prefetch.items()})
    version = described(TEXT, "Version of CDS Hooks, where the site announces one.")
    return closed(" ".join(members), **members, version=version)


def cards() -> Json:
    """Return the schema of the answer to a call. No cards means: checked, nothing to say."""
    return whole(cards=any_number(ref("Card")))


def card() -> Json:
    """Return the schema of a card (CDS Hooks 2.0.1, Card Attributes)."""
    return {
        **closed(
            "uuid summary detail indicator source",
            uuid=UUID,
            summary={**TEXT, "maxLength": LONGEST_SUMMARY},
            detail=described({**TEXT, "maxLength": LONGEST_DETAIL}, "GitHub-flavoured markdown."),
            indicator=one_of(Indicator),
            source=closed("label topic", label=TEXT, url=ADDRESS, topic=ref("Coding")),
            suggestions=some(ref("Suggestion")),
            selectionBehavior=one_of(SelectionBehavior),
            overrideReasons=some(ref("Coding")),
            links=some(whole(label=TEXT, url=ADDRESS, type={"const": "absolute"})),
        ),
        "dependentRequired": {"suggestions": ["selectionBehavior"], "selectionBehavior": ["suggestions"]},
    }


def helper_cards() -> Json:
    """Return the schema of the answer of the order helper, a test tool."""
    one = whole(
        uuid=UUID,
        summary={**TEXT, "maxLength": LONGEST_SUMMARY},
        detail=TEXT,
        indicator={"const": Indicator.INFO},
        source=whole(label=TEXT),
        selectionBehavior={"const": SelectionBehavior.AT_MOST_ONE},
        suggestions=some(ref("Suggestion")),
    )
    return whole(cards=some(one))


def coding() -> Json:
    """Return the schema of a topic and of an override reason."""
    return whole(system=SYSTEM, code=TEXT, display=TEXT)


def suggestion() -> Json:
    """Return the schema of a suggestion; without actions it is something to do by hand."""
    return closed("label uuid", label=TEXT, uuid=UUID, isRecommended={"const": True}, actions=some(ref("Action")))


def action() -> Json:
    """Return the schema of an action: a delete names a draft, the others bring a whole resource."""
    by_id, by_resource = {"required": ["resourceId"]}, {"required": ["resource"]}
    return {
        **closed(
            "type description",
            type=one_of(("create", "update", "delete")),
            description=TEXT,
            resource=described(
                lenient("resourceType", resourceType=TEXT), "FHIR, in the version of the drafts of the call."
            ),
            resourceId={"type": "string", "pattern": r"^[A-Za-z]+/[A-Za-z0-9.\-]+$"},
        ),
        "if": {"properties": {"type": {"const": "delete"}}},
        "then": {**by_id, "not": by_resource},
        "else": {**by_resource, "not": by_id},
    }


def feedback_taken() -> Json:
    """Return the schema of the answer to feedback, which says nothing."""
    return closed()


def operation_outcome(*errors: type[ServiceError]) -> Json:
    """Return the schema of the body of these errors (FHIR R4, OperationOutcome)."""
    return whole(
        resourceType={"const": "OperationOutcome"},
        issue=some(
            whole(
                severity={"const": "error"},
                code=one_of(error.code for error in errors),
                diagnostics=described(TEXT, "What is wrong, where, and what to do. Never has data of the call."),
            ),
            maxItems=1,
        ),
    )


def alive() -> Json:
    """Return the schema of /livez."""
    return whole(status={"const": "alive"})


def readiness() -> Json:
    """Return the schema of /readyz. It has no data of any patient."""
    rules = any_number(TEXT)
    return {
        **closed(
            "status version knowledge",
            status=one_of(("ready", "not ready")),
            version=TEXT,
            knowledge={"anyOf": [whole(version=TEXT, sha256=SHA256), {"const": "could not be loaded"}]},
            overlay=whole(
                id=TEXT,
                version=NUMBER,
                sha256=SHA256,
                lowered=any_number(TEXT),
                codes=NUMBER,
                sentences=any_number(TEXT),
            ),
            reload=closed("outcome since", outcome=one_of(Outcome), since=TEXT, problems=any_number(TEXT)),
            jurisdiction=_setting("jurisdiction"),
            disabledRules=rules,
            loweredIndicators={"type": "object", "additionalProperties": one_of(Indicator)},
            options=any_number(TEXT),
            silentRules=rules,
            silentClients=any_number(TEXT),
            clientsWithKeys=NUMBER,
            replayStore={"const": "cannot be used"},
            feedback=lenient("database waiting", database=one_of(State), waiting=NUMBER)
            | {"additionalProperties": NUMBER},
            exceptions=lenient("rememberedDays", rememberedDays=NUMBER) | {"additionalProperties": NUMBER},
            recording=counted(),
            stopping={"const": True},
            calls=whole(atOnce=NUMBER, underWay=NUMBER, shed=NUMBER),
            fhirServersPaused=NUMBER,
            audit=counted(),
            withheldLogFields=counted(),
            droppedLogLines=NUMBER,
            deviations=described(
                counted(), f"What was wrong and could be served all the same, for example {Deviation.PATIENT_PREFIXED}."
            ),
        ),
    }


def _setting(name: str) -> Json:
    schema: Json = Settings.model_json_schema()["properties"][name]
    return {key: value for key, value in schema.items() if key in {"type", "enum"}}


COMPONENTS = {
    "Cards": cards,
    "Card": card,
    "Coding": coding,
    "Suggestion": suggestion,
    "Action": action,
    "FeedbackTaken": feedback_taken,
    "Alive": alive,
    "Readiness": readiness,
}
