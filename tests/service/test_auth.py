"""Who may call: each fault of a token is the same bare 401, and each thing that real clients do is served."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from flask.testing import FlaskClient
from jwt import PyJWK
from werkzeug.test import TestResponse

from service.clients.auth import audiences_of, base_addresses, build_authenticator
from service.clients.jwks_fetch import KeyAddress
from service.clients.jwt import Reason, Token, read_token, signed_by
from service.errors import KeysUnavailable, ReplayStoreUnavailable, SettingsError, Unauthorized
from service.every_answer import NO_PAGE
from service.settings import ANYONE, Settings
from tests.fakes import SELECT, SIGN, Shell
from tests.trust import (
    BASE,
    ISSUER,
    KID,
    Missing,
    Pair,
    b64,
    bearer,
    client,
    encoded,
    jwks,
    pair,
    seconds,
    token,
    with_secret,
)

OTHER = "https://other.example.org"
EVIL = "https://evil.example.org/jwks.json"
FEEDBACK = f"{SELECT}/feedback"
Log = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def secured(shell: Shell) -> Callable[..., FlaskClient]:
    """The service with the client `ehr`, or with the clients given."""

    def made(*clients: dict[str, Any]) -> FlaskClient:
        return shell.client(clients=list(clients) or [client()], public_base_url=BASE)

    return made


def post(served: FlaskClient, headers: dict[str, str] | list[tuple[str, str]], path: str = SELECT) -> TestResponse:
    return served.post(path, json={"hook": "order-select"}, headers=headers)


def rewritten(compact: str, part: int, text: str) -> str:
    parts = compact.split(".")
    parts[part] = text
    return ".".join(parts)


def nested(depth: int) -> str:
    return b64(b'{"iss":' + b"[" * depth + b"]" * depth + b"}")


# Each fault is made when its test runs, from a good token with one change.
FAULTS: dict[str, tuple[Callable[[], dict[str, str] | list[tuple[str, str]]], Reason]] = {
    "no header": (dict, Reason.HEADER_MISSING),
    "an empty header": (lambda: {"Authorization": ""}, Reason.HEADER_MALFORMED),
    "another scheme": (lambda: {"Authorization": f"Basic {token()}"}, Reason.HEADER_MALFORMED),
    "no scheme": (lambda: {"Authorization": token()}, Reason.HEADER_MALFORMED),
    "the word null": (lambda: bearer("null"), Reason.MALFORMED),
    "two headers": (
        lambda: [("Authorization", f"Bearer {token()}"), ("Authorization", f"Bearer {token()}")],
        Reason.HEADER_MALFORMED,
    ),
    "two tokens": (lambda: bearer(f"{token()}, Bearer {token()}"), Reason.HEADER_MALFORMED),
    "too long": (lambda: bearer(token(padding="x" * 8000)), Reason.TOO_LONG),
    "garbage": (lambda: bearer("a.b.c"), Reason.MALFORMED),
    "a length that is no base64": (lambda: bearer(rewritten(token(), 0, "aaaaa")), Reason.MALFORMED),
    "two segments": (lambda: bearer(token().rpartition(".")[0]), Reason.MALFORMED),
    "five segments (JWE)": (lambda: bearer(f"{token()}.a.b"), Reason.MALFORMED),
    "header that is a list": (lambda: bearer(rewritten(token(), 0, encoded([]))), Reason.MALFORMED),
    "claims that are no JSON": (lambda: bearer(rewritten(token(), 1, b64(b"{"))), Reason.MALFORMED),
    "claims nested deep": (lambda: bearer(rewritten(token(), 1, nested(2000))), Reason.MALFORMED),
    "a claim twice": (lambda: bearer(rewritten(token(), 1, b64(b'{"iss":"a","iss":"b"}'))), Reason.MALFORMED),
    "padding": (lambda: bearer(token() + "="), Reason.MALFORMED),
    "another type": (lambda: bearer(token(header={"typ": "at+jwt"})), Reason.TYPE_REFUSED),
    "crit": (lambda: bearer(token(header={"crit": ["exp"]})), Reason.CRITICAL_HEADER),
    "crit with b64": (lambda: bearer(token(header={"crit": ["b64"], "b64": True})), Reason.CRITICAL_HEADER),
    "alg none": (lambda: bearer(token(header={"alg": "none"}).rpartition(".")[0] + "."), Reason.MALFORMED),
    "alg none with a signature": (lambda: bearer(token(header={"alg": "none"})), Reason.ALGORITHM_REFUSED),
    "no alg": (lambda: bearer(token(header={"alg": Missing})), Reason.MALFORMED),
    "HS256 with the public key as secret": (lambda: bearer(with_secret(pair().pem)), Reason.ALGORITHM_REFUSED),
    "alg that the client may not use": (
        lambda: bearer(token(pair("small", algorithm="ES256"))),
        Reason.ALGORITHM_REFUSED,
    ),
    "alg of another key type": (lambda: bearer(token(header={"alg": "RS384"})), Reason.KEY_UNKNOWN),
    "no kid": (lambda: bearer(token(header={"kid": Missing})), Reason.MALFORMED),
    "kid that is a number": (lambda: bearer(token(header={"kid": 1})), Reason.MALFORMED),
    "unknown kid": (lambda: bearer(token(header={"kid": "other"})), Reason.KEY_UNKNOWN),
    "kid in another case": (lambda: bearer(token(header={"kid": KID.swapcase()})), Reason.KEY_UNKNOWN),
    "kid with + read as a space": (lambda: bearer(token(header={"kid": KID.replace("+", " ")})), Reason.KEY_UNKNOWN),
    "kid without its =": (lambda: bearer(token(header={"kid": KID.rstrip("=")})), Reason.KEY_UNKNOWN),
    "wrong key": (lambda: bearer(token(pair("thief"))), Reason.SIGNATURE_WRONG),
    "key in the header": (
        lambda: bearer(token(pair("thief"), header={"jwk": pair("thief").jwk})),
        Reason.SIGNATURE_WRONG,
    ),
    "changed claims": (
        lambda: bearer(rewritten(token(), 1, token(sub="x").split(".")[1])),
        Reason.SIGNATURE_WRONG,
    ),
    "changed signature": (lambda: bearer(rewritten(token(), 2, b64(b"\x01" * 96))), Reason.SIGNATURE_WRONG),
    "unknown iss": (lambda: bearer(token(iss=OTHER)), Reason.ISSUER_UNKNOWN),
    "iss that starts the same": (lambda: bearer(token(iss=ISSUER[:-1])), Reason.ISSUER_UNKNOWN),
    "iss with a slash more": (lambda: bearer(token(iss=f"{ISSUER}/")), Reason.ISSUER_UNKNOWN),
    "iss that is a list": (lambda: bearer(token(iss=[ISSUER])), Reason.ISSUER_UNKNOWN),
    "no iss": (lambda: bearer(token(iss=Missing)), Reason.ISSUER_UNKNOWN),
    "aud of another place": (lambda: bearer(token(aud=f"https://other.example{SELECT}")), Reason.AUDIENCE_WRONG),
    "aud of another service": (lambda: bearer(token(aud=BASE + SIGN)), Reason.AUDIENCE_WRONG),
    "aud of discovery": (lambda: bearer(token(aud=f"{BASE}/cds-services")), Reason.AUDIENCE_WRONG),
    "aud of feedback": (lambda: bearer(token(aud=BASE + FEEDBACK)), Reason.AUDIENCE_WRONG),
    "aud that is a part": (lambda: bearer(token(aud=(BASE + SELECT)[:-1])), Reason.AUDIENCE_WRONG),
    "aud that goes on": (lambda: bearer(token(aud=f"{BASE}{SELECT}?x")), Reason.AUDIENCE_WRONG),
    "aud over http": (lambda: bearer(token(aud=(BASE + SELECT).replace("https", "http"))), Reason.AUDIENCE_WRONG),
    "aud from the Host header": (
        lambda: bearer(token(aud=f"http://localhost{SELECT}")),
        Reason.AUDIENCE_WRONG,
    ),
    "aud that is an object": (lambda: bearer(token(aud={BASE + SELECT: 1})), Reason.AUDIENCE_WRONG),
    "no aud": (lambda: bearer(token(aud=Missing)), Reason.AUDIENCE_WRONG),
    "expired": (lambda: bearer(token(iat=seconds(-360), exp=seconds(-60))), Reason.EXPIRED),
    "no exp": (lambda: bearer(token(exp=Missing)), Reason.CLAIM_MISSING),
    "exp as text": (lambda: bearer(token(exp=str(seconds(300)))), Reason.CLAIM_MISSING),
    "exp that is true": (lambda: bearer(token(exp=True)), Reason.CLAIM_MISSING),
    "exp beyond counting": (lambda: bearer(token(exp=10**400)), Reason.CLAIM_MISSING),
    "no iat": (lambda: bearer(token(iat=Missing)), Reason.CLAIM_MISSING),
    "iat in the future": (lambda: bearer(token(iat=seconds(61))), Reason.ISSUED_IN_FUTURE),
    "not yet valid": (lambda: bearer(token(nbf=seconds(61))), Reason.NOT_YET_VALID),
    "nbf that is null": (lambda: bearer(token(nbf=None)), Reason.CLAIM_MISSING),
    "lives too long": (lambda: bearer(token(exp=seconds(901))), Reason.LIFETIME_TOO_LONG),
    "lives for ever": (lambda: bearer(token(exp=2**52)), Reason.LIFETIME_TOO_LONG),
    "no jti": (lambda: bearer(token(jti=Missing)), Reason.CLAIM_MISSING),
    "empty jti": (lambda: bearer(token(jti="")), Reason.CLAIM_MISSING),
    "jti that is a number": (lambda: bearer(token(jti=1)), Reason.CLAIM_MISSING),
}


@pytest.mark.fault(32, 41)
@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_the_same_bare_401_and_only_the_log_says_which(
    secured: Callable[..., FlaskClient], shell: Shell, log_lines: Log, fault: str
) -> None:
    made, reason = FAULTS[fault]
    response = post(secured(), made())
    headers = dict(response.headers)
    assert headers.pop("X-Request-ID")
    assert (response.status_code, response.data) == (401, b"")
    assert headers == {
        "Content-Length": "0",
        "WWW-Authenticate": "Bearer",
        "Vary": "Origin",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "Content-Security-Policy": NO_PAGE,
    }
    assert shell.asked == []
    (line,) = log_lines()
    assert (line["event"], line["status"], line["refusal"]) == ("call", 401, reason)


def test_there_is_a_test_of_every_reason_to_refuse() -> None:
    elsewhere = {
        Reason.NOT_FROM_HERE,
        Reason.TENANT_UNKNOWN,
        Reason.JKU_DIFFERS,
        Reason.KEYS_UNAVAILABLE,
        Reason.REPLAYED,
    }
    assert {reason for _, reason in FAULTS.values()} | elsewhere == set(Reason)


def test_a_refused_call_is_not_read_and_its_token_is_in_no_log(
    secured: Callable[..., FlaskClient], log_lines: Log
) -> None:
    sent = token(iss=OTHER, sub="canary")
    secured().post(SELECT, data=b"not json", content_type="text/plain", headers=bearer(sent))
    written = json.dumps(log_lines())
    assert OTHER not in written
    assert not any(part in written for part in sent.split("."))


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
def test_each_allowed_algorithm_is_served(secured: Callable[..., FlaskClient], shell: Shell, algorithm: str) -> None:
    signer = pair(algorithm, algorithm=algorithm)
    served = secured(client(jwks=jwks(signer), algorithms=[algorithm]))
    assert post(served, bearer(token(signer))).status_code == 200
    assert [caller.id for caller in shell.callers] == ["ehr"]


@pytest.mark.parametrize("algorithm", ["ES384", "RS384"])
def test_the_two_recommended_algorithms_need_no_setting(secured: Callable[..., FlaskClient], algorithm: str) -> None:
    signer = pair(algorithm, algorithm=algorithm)
    assert post(secured(client(jwks=jwks(signer))), bearer(token(signer))).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"exp": seconds(-59), "iat": seconds(-359)},
        {"iat": seconds(60)},
        {"nbf": seconds(60)},
        {"exp": seconds(900)},
        # As Epic signs: valid from five minutes ago, for fifteen.
        {"nbf": int(seconds(-300)), "exp": int(seconds(900)), "sub": "client-id"},
        {"aud": [BASE + SELECT]},
        {"aud": ["https://other.example", BASE + SELECT]},
        {"aud": f"{BASE}{SELECT}/"},
        {"tenant": "any"},
        {"header": {"typ": Missing}},
        {"header": {"typ": "jwt"}},
        {"header": {"jku": EVIL}},
    ],
    ids=str,
)
def test_what_real_clients_sign_is_served(secured: Callable[..., FlaskClient], change: dict[str, Any]) -> None:
    assert post(secured(), bearer(token(**change))).status_code == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_of_the_header_has_no_case(secured: Callable[..., FlaskClient], scheme: str) -> None:
    assert post(secured(), {"Authorization": f"{scheme} {token()}"}).status_code == 200


@pytest.mark.fault(32)
def test_leeway_and_lifetime_are_those_of_the_client(secured: Callable[..., FlaskClient]) -> None:
    served = secured(client(leeway_seconds=0, max_lifetime_seconds=86_400))
    assert post(served, bearer(token(exp=seconds(86_400)))).status_code == 200
    assert post(served, bearer(token(iat=seconds(1)))).status_code == 401
    assert post(served, bearer(token(iat=seconds(-10), exp=seconds()))).status_code == 401


@pytest.mark.fault(41)
def test_a_token_is_good_for_one_call(secured: Callable[..., FlaskClient], log_lines: Log) -> None:
    served, sent = secured(), token()
    assert [post(served, bearer(sent)).status_code for _ in range(2)] == [200, 401]
    assert [(line.get("refusal"), line["client"]) for line in log_lines()] == [(None, "ehr"), ("jti-replayed", "ehr")]


def test_another_signature_over_a_used_jti_is_a_replay_too(secured: Callable[..., FlaskClient]) -> None:
    served = secured()
    answers = [post(served, bearer(token(jti="one", exp=seconds(300 + n)))).status_code for n in range(2)]
    assert answers == [200, 401]


def test_a_refused_token_uses_up_nothing(secured: Callable[..., FlaskClient]) -> None:
    served = secured()
    assert post(served, bearer(token(pair("thief"), jti="one"))).status_code == 401
    assert post(served, bearer(token(jti="one"))).status_code == 200


def test_two_workers_share_what_was_used(secured: Callable[..., FlaskClient]) -> None:
    sent = token()
    assert [post(secured(), bearer(sent)).status_code for _ in range(2)] == [200, 401]


def test_one_client_cannot_sign_for_another_nor_use_up_its_tokens(
    secured: Callable[..., FlaskClient], shell: Shell
) -> None:
    other = Pair(pair("other").key)
    served = secured(client(), client(id="other", issuers=[OTHER], jwks=jwks(other)))
    # Both key ids are the same, the keys are not.
    assert post(served, bearer(token(pair(), iss=OTHER))).status_code == 401
    assert post(served, bearer(token(other, iss=ISSUER))).status_code == 401
    assert post(served, bearer(token(other, iss=OTHER, jti="one"))).status_code == 200
    assert post(served, bearer(token(jti="one"))).status_code == 200
    assert [caller.id for caller in shell.callers] == ["other", "ehr"]


def test_two_keys_of_one_id_are_both_tried(secured: Callable[..., FlaskClient]) -> None:
    served = secured(client(jwks=jwks(pair("first"), pair("second"))))
    assert [post(served, bearer(token(pair(name)))).status_code for name in ("first", "second", "thief")] == [
        200,
        200,
        401,
    ]


def test_tenants_of_one_issuer_are_told_apart(
    secured: Callable[..., FlaskClient], shell: Shell, log_lines: Log
) -> None:
    served = secured(client(id="north", tenants=["n"]), client(id="south", tenants=["s", "t"]))
    assert post(served, bearer(token(tenant="t"))).status_code == 200
    assert post(served, bearer(token(tenant="n"))).status_code == 200
    assert [caller.id for caller in shell.callers] == ["south", "north"]
    assert post(served, bearer(token(tenant="x"))).status_code == 401
    assert post(served, bearer(token())).status_code == 401
    assert [line.get("refusal") for line in log_lines()[2:]] == [Reason.TENANT_UNKNOWN] * 2


@pytest.mark.parametrize(
    ("sent", "status"), [(f"{OTHER}/jwks", 200), (EVIL, 401), (f"{OTHER}/jwks/", 401), (Missing, 401)]
)
def test_a_jku_is_compared_where_the_configuration_names_one(
    secured: Callable[..., FlaskClient], log_lines: Log, sent: Any, status: int
) -> None:
    served = secured(client(jku=f"{OTHER}/jwks"))
    assert post(served, bearer(token(header={"jku": sent}))).status_code == status
    assert log_lines()[0].get("refusal") == (None if status == 200 else Reason.JKU_DIFFERS)


@pytest.mark.fault(41)
def test_keys_come_from_the_configured_address_and_never_from_the_token(
    secured: Callable[..., FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def fetch(address: KeyAddress) -> bytes:
        asked.append(address.base)
        return json.dumps(jwks(pair())).encode()

    monkeypatch.setattr("service.app.build_authenticator", partial(build_authenticator, fetch=fetch))
    served = secured(client(jwks=Missing, jwks_url=f"{OTHER}/jwks"))
    thief = Pair(pair("thief").key, "new")
    heads = {"jku": EVIL, "x5u": EVIL}
    assert post(served, bearer(token(header=heads))).status_code == 200
    assert post(served, bearer(token(thief, header=heads))).status_code == 401
    assert set(asked) == {f"{OTHER}/jwks"}


@pytest.mark.fault(24)
def test_without_its_keys_a_client_is_refused_like_anybody(
    secured: Callable[..., FlaskClient], monkeypatch: pytest.MonkeyPatch, log_lines: Log
) -> None:
    def fetch(address: KeyAddress) -> bytes:
        raise KeysUnavailable("timeout")

    monkeypatch.setattr("service.app.build_authenticator", partial(build_authenticator, fetch=fetch))
    served = secured(client(jwks=Missing, jwks_url=f"{OTHER}/jwks"))
    response = post(served, bearer(token()))
    assert (response.status_code, response.data) == (401, b"")
    alarm, call = log_lines()
    assert (alarm["event"], alarm["level"], alarm["client"], alarm["error"]) == (
        "client-keys-unavailable",
        "warning",
        "ehr",
        "timeout",
    )
    assert call["refusal"] == Reason.KEYS_UNAVAILABLE


@pytest.mark.fault(23)
def test_a_store_that_fails_is_a_503_and_nothing_is_answered(secured: Callable[..., FlaskClient], shell: Shell) -> None:
    served = secured()
    assert served.get("/readyz").status_code == 200
    (shell.settings.data_dir / "used-tokens.sqlite3").write_bytes(b"no database" * 1000)
    response = post(served, bearer(token()))
    assert response.status_code == 503
    assert response.get_json()["issue"][0]["code"] == "transient"
    assert shell.asked == []
    # Only who holds a key learns that: a forged token is refused as ever.
    assert post(served, bearer(token(pair("thief")))).status_code == 401
    ready = served.get("/readyz")
    assert (ready.status_code, ready.get_json()["replayStore"]) == (503, "cannot be used")


def test_discovery_health_and_preflights_ask_nobody(secured: Callable[..., FlaskClient]) -> None:
    served = secured(client(origins=[OTHER]))
    assert served.get("/cds-services").status_code == 200
    assert served.get("/livez").status_code == 200
    assert served.get("/readyz").get_json()["clientsWithKeys"] == 1
    preflight = served.options(SELECT, headers={"Origin": OTHER, "Access-Control-Request-Method": "POST"})
    assert preflight.status_code == 204
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]


def test_a_page_of_the_client_can_read_the_refusal(secured: Callable[..., FlaskClient]) -> None:
    response = post(secured(client(origins=[OTHER])), {"Origin": OTHER})
    assert response.status_code == 401
    assert response.headers["Access-Control-Allow-Origin"] == OTHER


def test_an_unknown_service_is_not_found_before_anybody_is_asked(secured: Callable[..., FlaskClient]) -> None:
    assert post(secured(), {}, "/cds-services/other").status_code == 404


@pytest.mark.parametrize("remote", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "", None])
def test_without_keys_anybody_on_this_machine_may_call(site: Settings, remote: str | None) -> None:
    trust = build_authenticator(site)
    assert trust.authenticate([], remote, "x", Shell(site).now) is ANYONE


@pytest.mark.parametrize("remote", ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "unknown"])
def test_without_keys_nobody_else_may_whatever_server_listens(shell: Shell, log_lines: Log, remote: str) -> None:
    response = shell.client(clients=[{"id": "page", "origins": [OTHER]}]).post(
        SELECT, json={}, headers=bearer(token()), environ_base={"REMOTE_ADDR": remote}
    )
    assert response.status_code == 401
    assert log_lines()[0]["refusal"] == Reason.NOT_FROM_HERE


@pytest.mark.parametrize("page", [SELECT, f"{SELECT}/", FEEDBACK, f"{FEEDBACK}/"])
def test_feedback_may_be_signed_for_the_service_or_for_the_feedback_address(site: Settings, page: str) -> None:
    settings = Settings.model_validate(site.model_dump() | {"clients": [client()], "public_base_url": BASE})
    trust = build_authenticator(settings)
    service, now = SELECT.rpartition("/")[2], Shell(site).now
    sent = [f"Bearer {token(aud=BASE + page)}"]
    assert trust.authenticate(sent, None, service, now, feedback=True).id == "ehr"
    with pytest.raises(Unauthorized):
        trust.authenticate([f"Bearer {token(aud=BASE + SIGN)}"], None, service, now, feedback=True)


def test_without_a_public_address_tokens_are_for_where_the_service_listens() -> None:
    assert base_addresses(Settings(port=8123)) == ("http://127.0.0.1:8123", "http://localhost:8123")
    assert base_addresses(Settings(host="::1")) == ("http://[::1]:8000", "http://localhost:8000")
    assert base_addresses(Settings(public_base_url=f"{BASE}/cds/")) == (f"{BASE}/cds",)
    assert audiences_of((f"{BASE}/cds",), "x") == {f"{BASE}/cds/cds-services/x", f"{BASE}/cds/cds-services/x/"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"jwks": {"keys": []}}, "client ehr, jwks: no usable key: it lists no key."),
        ({"jwks": {"keys": [{"kty": "EC", "crv": "P-384", "kid": "a"}]}}, "keys[0]: its numbers make no public key"),
        ({"jwks": Missing, "jwks_file": "nowhere.json"}, "jwks_file nowhere.json: no usable key: file cannot be read"),
    ],
)
def test_keys_at_hand_that_cannot_be_used_stop_the_start(
    secured: Callable[..., FlaskClient], changed: dict[str, Any], said: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        secured(client(**changed))
    assert said in caught.value.message


def test_the_store_is_not_asked_about_a_token_that_is_refused_anyway(site: Settings) -> None:
    class Broken:
        def first_use(self, client: str, jti: str, *, expires: float, now: float) -> bool:
            raise ReplayStoreUnavailable("broken")

        def check(self) -> None:
            raise ReplayStoreUnavailable("broken")

    from dataclasses import replace

    settings = Settings.model_validate(site.model_dump() | {"clients": [client()], "public_base_url": BASE})
    trust = replace(build_authenticator(settings), store=Broken())
    service, now = SELECT.rpartition("/")[2], Shell(site).now
    with pytest.raises(Unauthorized):
        trust.authenticate([f"Bearer {token(exp=seconds(-100), iat=seconds(-200))}"], None, service, now)
    with pytest.raises(ReplayStoreUnavailable):
        trust.authenticate([f"Bearer {token()}"], None, service, now)


@pytest.mark.fault(41)
@pytest.mark.parametrize("shown", [["Bearer x.y.z", "Bearer x.y.z"], ["Basic x", "Bearer x.y.z"]])
def test_two_headers_are_refused_where_a_server_does_not_join_them(shown: list[str]) -> None:
    with pytest.raises(Unauthorized) as caught:
        read_token(shown)
    assert caught.value.reason == Reason.HEADER_MALFORMED


@pytest.mark.parametrize(
    "change",
    [
        {"iss": OTHER},
        {"header": {"kid": "x"}},
        {"header": {"alg": "RS384"}},
        {"header": {"alg": "x"}},
        {"jti": Missing},
    ],
    ids=str,
)
def test_a_refusal_before_the_signature_costs_a_signature_check_too(
    secured: Callable[..., FlaskClient], monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    checked: list[str] = []

    def counted(sent: Token, key: PyJWK) -> bool:
        checked.append(key.algorithm_name)
        return signed_by(sent, key)

    monkeypatch.setattr("service.clients.auth.signed_by", counted)
    assert post(secured(), bearer(token(**change))).status_code == 401
    assert checked == ["RS384" if change.get("header", {}).get("alg") == "RS384" else "ES384"]
