"""Tests of what only the sandbox has."""
