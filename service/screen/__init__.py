"""Screening of a population: which patients of a FHIR bulk export are on a combination today.

The export is read once, in chunks. Each chunk is reduced to what `read_chart` would look at (the medicines, problems
and allergies of the catalogue, and every medicine that nothing names) and laid down by patient in a work folder; then
each patient is assessed with the same `read_chart` and `evaluate` as a call of patient-view. Memory is bounded by the
size of a chunk and of a share of the patients, not by the export.
"""
