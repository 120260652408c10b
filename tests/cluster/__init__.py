"""Tests that only a real cluster can pass: it must trust the auth server that they start."""
