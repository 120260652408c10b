"""Tests of everything that is not user interface."""
