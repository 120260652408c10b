"""Kills an API server at random moments while things are changed, and checks the journal after."""
