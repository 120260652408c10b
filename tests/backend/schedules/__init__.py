"""Tests of the schedule engine against the controller, croniter and plain counting."""
