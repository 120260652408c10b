"""Tests of the authentication server; `test_aNN` holds the defence against attack NN."""
