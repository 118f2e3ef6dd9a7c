"""What `upa-cds conformance` does: visit a service, judge what came back, and report."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from service.cases import case_names, read_case, shift
from service.conformance.catalogue import CHECKS
from service.conformance.client import Client, Exchange
from service.conformance.model import Part, Result, judge
from service.conformance.report import as_junit
from service.conformance.tokens import Credentials, Signer, given_token, read_key
from service.conformance.visit import Offered, Seed, Visitor, offered
from service.discovery import service_by_id
from service.errors import InvalidRequest, ServiceError, Unreachable

SANDBOX_ORIGIN = "https://sandbox.cds-hooks.org"


@dataclass(frozen=True)
class Assignment:
    """What to check. `cases` sends the recorded cases: True, False, or None for where the service is our own."""

    base: str
    requests: tuple[Path, ...] = ()
    cases: bool | None = None
    origin: str = SANDBOX_ORIGIN
    credentials: Credentials | None = None
    seconds: float = 10.0
    skipped: frozenset[Part] = field(default_factory=frozenset)


class TokenOptionsError(ServiceError):
    """Options about tokens that do not go together."""

    exit_code = 2


def credentials(
    base: str,
    *,
    token: str | None,
    key: Path | None,
    issuer: str | None,
    kid: str | None,
    jku: str | None,
    audience: str | None,
    now: Callable[[], datetime],
) -> Credentials | None:
    """Make the credentials that the options describe, or None; raises TokenOptionsError or InvalidRequest."""
    if token is not None and key is not None:
        raise TokenOptionsError("--jwt and --key exclude each other. Give a token, or a key to sign tokens with.")
    if key is None:
        if issuer or kid or jku or audience:
            raise TokenOptionsError("--iss, --kid, --jku and --aud are for signed tokens. Give --key too.")
        return None if token is None else given_token(_token(token))
    private, algorithm, own_kid = read_key(key)
    if not issuer:
        raise TokenOptionsError("--key needs an issuer. Give --iss, the issuer that the service knows.")
    if not (kid or own_kid):
        raise TokenOptionsError(
            "--key needs a key id. Give --kid, the id under which the service knows the key; "
            "of a key that upa-cds token made, it is in jwks.json beside it."
        )
    return Signer(private, algorithm, issuer, kid or own_kid or "", base, now, audience, jku)


def _token(given: str) -> str:
    """Return a token, which is better kept in a file than on a command line."""
    if not given.startswith("@"):
        return given
    try:
        return Path(given[1:]).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise InvalidRequest(f"{given[1:]}: holds no token that can be read. Give a file with one token.") from None


def run(assignment: Assignment, now: datetime, client: Client | None = None) -> list[Result]:
    """Visit the service and judge it. Raises Unreachable, or InvalidRequest for a request file that cannot be sent."""
    given = tuple(_seed(file) for file in assignment.requests)
    credentials = assignment.credentials
    client = client or Client(token=credentials.token if credentials else lambda _: None, seconds=assignment.seconds)
    visitor = Visitor(
        client=client,
        base=assignment.base,
        now=now,
        origin=assignment.origin,
        credentials=credentials,
        skipped=assignment.skipped,
    )
    discovery = visitor.discover()
    if discovery.status is None:
        raise Unreachable(f"{discovery.url}: {discovery.problem}. Give the base URL of a running CDS service.")
    services = offered(discovery)
    _check_sendable(given, services, discovery)
    seeds = (*given, *_cases(assignment, services, now.date()))
    visitor = replace(visitor, seeds=seeds)
    checks = [check for check in CHECKS if check.group not in assignment.skipped]
    return list(judge(checks, visitor.visit(discovery)))


def write_junit(file: Path, results: list[Result], *, strict: bool) -> None:
    """Write the JUnit report."""
    try:
        file.write_bytes(as_junit(results, strict=strict))
    except OSError as error:
        raise InvalidRequest(
            f"{file}: cannot be written ({error.strerror}). Give a file in a folder that exists."
        ) from None


def _seed(file: Path) -> Seed:
    try:
        body = file.read_bytes()
        request: Any = json.loads(body)
    except OSError as error:
        raise InvalidRequest(f"{file}: cannot be read ({error.strerror}). Give a file with a hook request.") from None
    except (ValueError, RecursionError):
        raise InvalidRequest(f"{file}: is not JSON. Give a file with a hook request.") from None
    if not isinstance(request, Mapping) or not isinstance(request.get("hook"), str):
        raise InvalidRequest(f"{file}: names no hook. Give a file with a hook request.")
    return Seed(file.name, request["hook"], body)


def _check_sendable(seeds: tuple[Seed, ...], services: tuple[Offered, ...], discovery: Exchange) -> None:
    """Refuse a request that no service would get: it would look as if it had been checked."""
    hooks = {service.hook for service in services}
    for seed in seeds:
        if seed.hook not in hooks:
            known = ", ".join(sorted(hooks)) or f"none at all ({discovery.told})"
            raise InvalidRequest(f"{seed.name}: its hook is {seed.hook}, but the service offers {known}.")


def _cases(assignment: Assignment, services: tuple[Offered, ...], today: date) -> Iterator[Seed]:
    """Yield the recorded cases, moved to today. Without a flag they go to our own services only."""
    own = frozenset(service.id for service in services if service_by_id(service.id))
    if assignment.cases is False or (assignment.cases is None and not own):
        return
    for name in case_names():
        case = shift(read_case(name), today)
        if not case.settings and _is_json(case.body):
            asked = own if assignment.cases is None else None
            yield Seed(name, case.hook, case.body, is_case=True, services=asked)


def _is_json(body: bytes) -> bool:
    """Say whether a case can be changed and sent; a few are recorded because they are no JSON object."""
    try:
        return isinstance(json.loads(body), Mapping)
    except ValueError:
        return False
