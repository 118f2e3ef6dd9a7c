"""The schema of the knowledge, a module for each of its files. What fits is frozen; an unknown key does not fit."""
