"""HealthChain's CDS Hooks service, started as it documents, with its conversion of the prefetch and a fixed card.

Run by `python -m tests.bench healthchain --python PYTHON`, with an interpreter that has healthchain, not this project.
"""

import argparse
import logging

import uvicorn
from healthchain.gateway import CDSHooksService, HealthChainAPI
from healthchain.gateway.cds import CDSHooksConfig
from healthchain.io import CdsFhirAdapter
from healthchain.models.requests.cdsrequest import CDSRequest
from healthchain.models.responses.cdsresponse import Card, CDSResponse

CARD = {"summary": "A fixed card", "indicator": "warning", "source": {"label": "HealthChain"}}


def main() -> None:
    """Serve on loopback until a signal ends it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--data-dir")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    service = CDSHooksService(CDSHooksConfig(base_path=""))
    adapter = CdsFhirAdapter(hook_name="order-select")

    def select(request: CDSRequest) -> CDSResponse:
        read = adapter.parse(request).fhir.prefetch_resources
        # What cannot be converted stays a dict; it may not pass as work done.
        unread = [key for key, value in read.items() if isinstance(value, dict)]
        return CDSResponse(cards=[] if unread else [Card(**CARD)])

    # The types are looked up by value at run time: this file is not of their package.
    select.__annotations__ = {"request": CDSRequest, "return": CDSResponse}
    service.hook("order-select", id="upadacitinib-combination-select")(select)
    app = HealthChainAPI()
    app.register_service(service)
    uvicorn.run(app, host="127.0.0.1", port=given.port, log_level="error")


if __name__ == "__main__":
    main()
