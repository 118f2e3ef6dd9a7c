"""The knowledge as FHIR R4 artifacts that other engines can use. See README.md of this folder."""
