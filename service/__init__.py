"""The edge of the house: HTTP, CDS Hooks, FHIR and the command line."""

__version__ = "0.1.0"
