"""Everything that is not user interface: Kubernetes, Redis, identity, schedules, logs."""
