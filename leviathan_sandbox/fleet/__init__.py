"""What the sandbox is populated with at its start."""

from leviathan_sandbox.fleet.seeding import populate

__all__ = ["populate"]
