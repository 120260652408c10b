"""Leviathan: a full-screen console for the apps and cron jobs you run on Kubernetes."""

__version__ = "0.1.0"
