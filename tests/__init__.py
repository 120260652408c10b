"""The tests mirror the packages; tests/cluster runs on any disposable real cluster."""
