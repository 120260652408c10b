"""The API-level conformance suite: the same tests on the sandbox and on a real cluster."""
