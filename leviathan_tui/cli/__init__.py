"""The command line: what scripts use, and the way into the full screen."""
