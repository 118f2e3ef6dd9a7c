"""The packaged knowledge, read once for the modules of tests that ask it what there is."""

from cards import load_catalogue

CATALOGUE = load_catalogue()
