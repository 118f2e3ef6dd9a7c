"""Reading a FHIR server for what the EHR did not send: allowed bases, one deadline, capped bodies, no redirects."""
