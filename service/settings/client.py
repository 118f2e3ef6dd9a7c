"""Who may call, as the settings name them."""

from pydantic import ConfigDict, Field

from service.fhir_server import FhirServers
from service.settings.value import WebOrigin
from service.trust import Trust


class Client(Trust):
    """An EHR or page that may call.

    `origins` are the web pages that a browser may call from. A `silent` client gets no cards: its calls are evaluated
    and recorded only. `fhir_servers` are those that may be read for its calls.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1)
    origins: tuple[WebOrigin, ...] = ()
    silent: bool = False
    fhir_servers: FhirServers = ()


# Who calls where no client with keys is configured: then the service answers on loopback only.
ANYONE = Client(id="anyone")
