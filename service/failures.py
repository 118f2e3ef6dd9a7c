"""Any failure as an answer: status and OperationOutcome from the one table of errors, and nothing of the cause."""

import msgspec
from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from service import telemetry
from service.errors import (
    BodyTooLarge,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    ServiceError,
    Unauthorized,
    UnknownService,
    operation_outcome,
)
from service.notes import notes


def answer_failures(app: Flask) -> None:
    """Have every failure of an application answered so."""
    app.register_error_handler(Exception, _failed)


def _failed(error: Exception) -> Response:
    """Turn any failure into its OperationOutcome; of an unforeseen one the log gets type and place."""
    named = _named(error)
    if isinstance(named, InternalError):
        notes().said |= {"outcome": "failed", **telemetry.failure(error)}
    if isinstance(named, Unauthorized):
        return _refused(named)
    if named.cause is not None:
        notes().said |= {"refusal": str(named.cause)}
    body = msgspec.json.encode(operation_outcome(named))
    response = Response(body, status=named.status, mimetype="application/json")
    if named.retry_after is not None:
        response.headers["Retry-After"] = str(named.retry_after)
    if isinstance(error, HTTPException):
        response.headers.extend((name, value) for name, value in error.get_headers() if name == "Allow")
    return response


def _refused(error: Unauthorized) -> Response:
    """Give the one bare answer that any fault of a caller gets; the log gets the reason."""
    notes().said |= {"refusal": str(error.reason), "client": error.client}
    response = Response(status=error.status, headers={"WWW-Authenticate": "Bearer"})
    del response.headers["Content-Type"]
    return response


def _named(error: Exception) -> ServiceError:
    if isinstance(error, ServiceError):
        return error
    match error.code if isinstance(error, HTTPException) else 500:
        case 404:
            return UnknownService("Nothing is served at this address. Start at GET /cds-services.")
        case 405:
            return MethodNotAllowed("This address does not take this method. The Allow header names those it takes.")
        case 413:
            return BodyTooLarge("The request body is too long. Send less, or raise max_body_bytes.")
        case int(code) if 400 <= code < 500:
            return InvalidRequest("The request cannot be read as HTTP. Send a complete request.")
        case _:
            return InternalError("The service failed. Its log has the cause, under the id in the X-Request-ID header.")
