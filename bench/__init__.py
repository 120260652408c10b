"""Measurements: never assertions. `make bench` runs them and prints a table."""
