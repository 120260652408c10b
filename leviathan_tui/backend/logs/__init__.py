"""Logs of many containers at once: followed, merged, kept, filtered and searched."""
