"""Recorded hook calls, as data: read by `service.cases`."""
