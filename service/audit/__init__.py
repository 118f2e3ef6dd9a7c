"""One line per decision, chained, so that whoever alters, removes or reorders a line can be told. See README.md."""
