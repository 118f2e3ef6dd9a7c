"""Checks of client authentication, for a service that asks for it (CDS Hooks 2.0.1, Trusting CDS Clients).

They look only where the good token is taken: a service that refuses everybody trusts nobody, and shows nothing.
"""

from collections.abc import Iterable
from typing import Any

from service.conformance.client import UNAUTHORIZED, answered
from service.conformance.feedback import served
from service.conformance.model import Check, Level, Observation, observe
from service.conformance.visit import Trust, Visit

SHALL, SHOULD = Level.SHALL, Level.SHOULD


def _tried(visit: Visit) -> Trust | None:
    return visit.trust if visit.trust and answered(visit.trust.good) else None


def _good(visit: Visit) -> Iterable[Observation]:
    if visit.trust:
        told = visit.trust.good.told
        yield observe(visit.trust.where, "the good token taken", told, holds=answered(visit.trust.good))


def _without(visit: Visit) -> Iterable[Observation]:
    if trust := _tried(visit):
        yield observe(trust.where, "HTTP 401", trust.without.told, holds=trust.without.status == UNAUTHORIZED)


def _refuses(kind: str) -> Any:
    def look(visit: Visit) -> Iterable[Observation]:
        trust = _tried(visit)
        if trust and kind in trust.forged:
            given = trust.forged[kind]
            yield observe(trust.where, "HTTP 401", given.told, holds=given.status == UNAUTHORIZED)

    return look


def _replay(visit: Visit) -> Iterable[Observation]:
    trust = _tried(visit)
    if trust and trust.replayed and answered(trust.replayed[0]):
        second = trust.replayed[1]
        yield observe(trust.where, "HTTP 401 for the second use", second.told, holds=second.status == UNAUTHORIZED)


def _feedback(visit: Visit) -> Iterable[Observation]:
    trust = _tried(visit)
    if trust and trust.feedback and trust.where in served(visit):
        given = trust.feedback
        yield observe(f"{trust.where}/feedback", "HTTP 401", given.told, holds=given.status == UNAUTHORIZED)


def _same_refusal(visit: Visit) -> Iterable[Observation]:
    if trust := _tried(visit):
        bodies = {item.body for item in trust.forged.values() if item.status == UNAUTHORIZED}
        if bodies:
            came = f"{len(bodies)} different ones"
            yield observe(trust.where, "one refusal for every forged token", came, holds=len(bodies) == 1)


_ANY = "a token: give --jwt, or --key and --iss"
_SIGNED = "a key to sign with: give --key and --iss"

CHECKS = (
    Check("trust.good-token", "A good token is taken.", SHALL, (102, 103, 104, 110), _good, (176,), needs=_ANY),
    Check("trust.no-token", "A call without a token is refused.", SHALL, (100, 102), _without, (176, 177), needs=_ANY),
    Check("trust.none", "A token without a signature is refused.", SHALL, (108,), _refuses("none"), (201,), needs=_ANY),
    Check(
        "trust.symmetric",
        "A token signed with a shared secret is refused.",
        SHALL,
        (109,),
        _refuses("symmetric"),
        (203,),
        needs=_ANY,
    ),
    Check(
        "trust.other-key",
        "A token signed with another key is refused.",
        SHALL,
        (102, 111),
        _refuses("other-key"),
        (176,),
        needs=_ANY,
    ),
    Check(
        "trust.wrong-audience",
        "A token for another address is refused.",
        SHALL,
        (105,),
        _refuses("wrong-audience"),
        needs=_SIGNED,
    ),
    Check("trust.expired", "An expired token is refused.", SHALL, (104, 111), _refuses("expired"), needs=_SIGNED),
    Check(
        "trust.no-expiry", "A token that never expires is refused.", SHALL, (104,), _refuses("no-expiry"), needs=_SIGNED
    ),
    Check(
        "trust.other-issuer",
        "A token of an unknown issuer is refused.",
        SHOULD,
        (106, 111),
        _refuses("other-issuer"),
        (195,),
        needs=_SIGNED,
    ),
    Check("trust.replay", "A token that was used before is refused.", SHOULD, (111,), _replay, needs=_SIGNED),
    Check(
        "trust.feedback",
        "Feedback without a token is refused.",
        SHALL,
        (98, 102),
        _feedback,
        (176,),
        needs=f"a feedback page, and {_ANY}",
    ),
    Check(
        "trust.same-refusal",
        "A refusal does not tell what is wrong with the token.",
        SHOULD,
        (111,),
        _same_refusal,
        needs=_ANY,
    ),
)
