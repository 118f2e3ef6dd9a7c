"""What the service is compared with: bare Flask applications on the same server that do a part of its work.

The floor parses the body it gets and returns a fixed card; whoever answers from the data of a call has to do that much.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from flask import Flask, Response, request

CARD = (
    b'{"cards":[{"uuid":"00000000-0000-4000-8000-000000000000","summary":"A fixed card","indicator":"warning",'
    b'"source":{"label":"The floor"}}]}'
)


class _Split(msgspec.Struct):
    """The envelope of a call; what is in prefetch stays bytes."""

    hook: str
    context: dict[str, Any]
    prefetch: dict[str, msgspec.Raw]


def _floor() -> Callable[[bytes], object]:
    import orjson

    # Without the extra `bench` its types are not known.
    loads: Callable[[bytes], object] = orjson.loads
    return loads


def _read_only() -> Callable[[bytes], object]:
    return len


def _split() -> Callable[[bytes], object]:
    return msgspec.json.Decoder(_Split).decode


def _everything() -> Callable[[bytes], object]:
    """Parse every draft and every entry of the record with its fhir.resources model."""
    from fhir.resources.R4B import get_fhir_model_class

    def parse(body: bytes) -> object:
        call = msgspec.json.decode(body)
        values = [call["context"]["draftOrders"], *call["prefetch"].values()]
        entries = [entry["resource"] for value in values for entry in value.get("entry", ())]
        found = [*entries, *(value for value in values if value["resourceType"] != "Bundle")]
        return [get_fhir_model_class(item["resourceType"]).model_validate(item) for item in found]

    return parse


WORK: Mapping[str, Callable[[], Callable[[bytes], object]]] = {
    "floor": _floor,
    "read-only": _read_only,
    "split": _split,
    "everything": _everything,
}


def application(name: str) -> Flask:
    """Make the application that does one of `WORK` with each body, and answers with the fixed card."""
    app, work = Flask("floor"), WORK[name]()

    @app.post("/cds-services/<service_id>")
    def call(service_id: str) -> Response:
        work(request.get_data())
        return Response(CARD, mimetype="application/json")

    return app
