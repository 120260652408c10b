"""Fills the Secrets of a new installation in a cluster with keys, certificates and passwords."""
