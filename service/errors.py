"""Every way to fail, in one table: the HTTP status, the OperationOutcome code and the exit code of each.

A message says what is wrong, where, and what to do. It never carries patient data, so it can be logged,
shown on a terminal and sent in a response body.
"""

from enum import StrEnum
from typing import Any


class Cause(StrEnum):
    """Why a call was refused otherwise than with 401: the words of the log, for clients that do not show the text."""

    BODY_EMPTY = "body-empty"
    BODY_NOT_UTF8 = "body-not-utf-8"
    BODY_NOT_JSON = "body-not-json"
    BODY_NOT_AN_OBJECT = "body-not-an-object"
    KEY_REPEATED = "key-repeated"
    TOO_DEEP = "body-too-deep"
    HOOK_MISSING = "hook-missing"
    HOOK_OF_ANOTHER_SERVICE = "hook-of-another-service"
    HOOK_INSTANCE_MISSING = "hook-instance-missing"
    CONTEXT_MISSING = "context-missing"
    PATIENT_MISSING = "patient-missing"
    DRAFTS_MISSING = "drafts-missing"
    DRAFTS_NOT_A_BUNDLE = "drafts-not-a-bundle"
    DRAFT_OF_ANOTHER_PATIENT = "draft-of-another-patient"
    FEEDBACK_FAULTY = "feedback-faulty"
    NOT_OBTAINABLE = "not-obtainable"
    BODY_TOO_LONG = "body-too-long"
    COMPRESSED = "body-compressed"
    MEDIA_TYPE = "media-type-refused"
    CHARSET = "charset-refused"
    ADDRESS_UNKNOWN = "address-unknown"
    METHOD = "method-refused"
    KNOWLEDGE = "knowledge-unusable"
    OVERLOADED = "too-many-calls"
    USED_TOKENS = "used-tokens-unusable"
    DATABASE = "database-unusable"


class ServiceError(Exception):
    """A failure that we can name. `code` is a FHIR R4 IssueType; `exit_code` is what the command line returns.

    `cause` is the word for the log, of the class or of this one failure.
    """

    status: int = 500
    code: str = "exception"
    exit_code: int = 70
    # Seconds after which the same call may succeed (RFC 9110, Retry-After).
    retry_after: int | None = None
    cause: Cause | None = None

    def __init__(self, message: str, cause: Cause | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.cause = cause or self.cause


class InternalError(ServiceError):
    """Something broke that nobody foresaw; the log has its type and place."""


class InvalidRequest(ServiceError):
    """The body is not a CDS Hooks request that this service can read."""

    status = 400
    code = "invalid"
    exit_code = 65


class Unauthorized(ServiceError):
    """Nobody who may call, as far as the call shows. The answer is the same bytes whatever is wrong.

    `reason` is a fixed word for the log, `client` the id of the configured client that the token claims to be.
    """

    status = 401
    code = "login"
    exit_code = 77

    def __init__(self, reason: str, client: str | None = None) -> None:
        super().__init__("The call is not authenticated.")
        self.reason = reason
        self.client = client


class Forbidden(ServiceError):
    """Whoever asks may not have this, whoever it is."""

    status = 403
    code = "forbidden"
    exit_code = 77


class UnknownService(ServiceError):
    """No service, or no page, has this address."""

    status = 404
    code = "not-found"
    exit_code = 65
    cause = Cause.ADDRESS_UNKNOWN


class MethodNotAllowed(ServiceError):
    """The address exists, but not for this HTTP method."""

    status = 405
    code = "not-supported"
    exit_code = 65
    cause = Cause.METHOD


class DataUnavailable(ServiceError):
    """Required data were neither sent nor obtainable (CDS Hooks 2.0.1, Prefetch Template: 412)."""

    status = 412
    code = "incomplete"
    exit_code = 65
    cause = Cause.NOT_OBTAINABLE


class BodyTooLarge(ServiceError):
    """The body is longer than the setting max_body_bytes."""

    status = 413
    code = "too-long"
    exit_code = 65
    cause = Cause.BODY_TOO_LONG


class UnsupportedMedia(ServiceError):
    """The body has a media type, a charset or a content encoding that we do not read."""

    status = 415
    code = "not-supported"
    exit_code = 65
    cause = Cause.MEDIA_TYPE


class Unreachable(ServiceError):
    """A service that we were told to call does not answer at all."""

    status = 502
    code = "transient"
    exit_code = 69


class NotReady(ServiceError):
    """The service runs but cannot answer, since its knowledge could not be loaded."""

    status = 503
    code = "transient"
    exit_code = 75
    cause = Cause.KNOWLEDGE


class Overloaded(ServiceError):
    """More calls than can be answered in time; nothing of this one was read, and its token is not used up."""

    status = 503
    code = "transient"
    exit_code = 75
    cause = Cause.OVERLOADED
    retry_after = 1

    def __init__(self) -> None:
        super().__init__("More calls are under way than can be answered in time. Send this one again after a second.")


class ReplayStoreUnavailable(ServiceError):
    """Whether a token was used before cannot be told, so the call is not served."""

    status = 503
    code = "transient"
    exit_code = 75
    cause = Cause.USED_TOKENS


class StoreUnavailable(ServiceError):
    """The database of cards and feedback cannot be used; `state` says how it stands to this program."""

    status = 503
    code = "transient"
    exit_code = 75
    cause = Cause.DATABASE
    retry_after = 30

    def __init__(self, state: str) -> None:
        super().__init__("The feedback database cannot be used now. Send this again later; /readyz has the cause.")
        self.state = state


class TooManyAttempts(ServiceError):
    """Somebody tried wrong passwords; for a while nobody is let in who was not before."""

    status = 429
    code = "throttled"
    exit_code = 75
    retry_after = 60


class KeysUnavailable(ServiceError):
    """The public keys of a client cannot be obtained; `reason` is of a fixed vocabulary."""

    exit_code = 75

    def __init__(self, reason: str) -> None:
        super().__init__(f"The JWK Set cannot be used: {reason}.")
        self.reason = reason


class WorkerLost(ServiceError):
    """A process that worked for us ended before its work did; what is finished is kept where the user asked for it."""

    exit_code = 75


class SettingsError(ServiceError):
    """The configuration is unusable; `problems` has one line each, all of them."""

    exit_code = 2

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def operation_outcome(error: ServiceError) -> dict[str, Any]:
    """Say an error as a FHIR OperationOutcome (CDS Hooks 3.0.0-ballot, Returning OperationOutcome)."""
    issue = {"severity": "error", "code": error.code, "diagnostics": error.message}
    return {"resourceType": "OperationOutcome", "issue": [issue]}
