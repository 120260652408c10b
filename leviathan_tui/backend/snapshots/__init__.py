"""The last known state of a cluster, sealed, in a file or in Redis."""
