"""Serves the stand-in for the public sandbox, and a FHIR server that a browser may read, each on a port of its own."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask, Response, jsonify, request, send_from_directory
from jwt.algorithms import ECAlgorithm
from markdown_it import MarkdownIt

from tests.trust import Pair

FOLDER = Path(__file__).parent
Json = dict[str, Any]


def client_page(setup: Mapping[str, Any]) -> Flask:
    """Serve the page; `setup` has the addresses of discovery and FHIR, patient, condition, and the private key."""
    app = Flask("sandbox_client", static_folder=None)
    # As in the sandbox: GitHub's tables, and HTML as it comes.
    renderer = MarkdownIt("commonmark", {"html": True}).enable("table")

    @app.get("/")
    @app.get("/<name>")
    def file(name: str = "index.html") -> Response:
        if name == "favicon.ico":
            return Response(status=204)
        return jsonify(setup) if name == "setup.json" else send_from_directory(FOLDER, name)

    @app.post("/markdown")
    def markdown() -> str:
        return str(renderer.render(request.get_data(as_text=True)))

    return app


def fhir_server(resources: Iterable[Json]) -> Flask:
    """Serve reads, and searches by POST as the sandbox makes them; a search gives all resources of its type."""
    app = Flask("fhir", static_folder=None)
    held = list(resources)

    @app.get("/<kind>/<name>")
    def read(kind: str, name: str) -> Response:
        found = [item for item in held if (item["resourceType"], item["id"]) == (kind, name)]
        return jsonify(found[0]) if found else Response(status=404)

    @app.post("/<kind>/_search")
    def search(kind: str) -> Response:
        if not request.form.get("patient"):
            return Response(status=400)
        found = [{"resource": item} for item in held if item["resourceType"] == kind]
        # Neither type nor fullUrl, as observed.
        return jsonify({"resourceType": "Bundle", "total": len(found), "entry": found})

    @app.after_request
    def open_to_all(response: Response) -> Response:
        response.headers["Access-Control-Allow-Origin"] = "*"
        return response

    return app


def private_jwk(signer: Pair) -> Json:
    """Write the private key of a pair for the page, which signs with it as the sandbox does with its published one."""
    if not isinstance(signer.key, ec.EllipticCurvePrivateKey):
        raise TypeError("the sandbox signs with ES384")
    found = ECAlgorithm.to_jwk(signer.key, as_dict=True)
    return {**{name: found[name] for name in ("kty", "crv", "x", "y", "d")}, "kid": signer.kid}
