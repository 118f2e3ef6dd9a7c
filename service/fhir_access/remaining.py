"""What is left of the time of a call, where a part of it went by before anything is read."""

from dataclasses import replace

import msgspec

from service.fhir_access.fetch import FhirAccess, FhirReader, FhirSession


class Remaining(msgspec.Struct, frozen=True):
    """A reader for one call that has waited `waited` seconds for somebody else already."""

    reader: FhirReader
    waited: float

    def open(self, access: FhirAccess) -> FhirSession:
        """Begin the reads, to end by the time by which the call was to have all it waits for. Raises NoFhirAccess."""
        return self.reader.open(replace(access, seconds=max(access.seconds - self.waited, 0.0)))
