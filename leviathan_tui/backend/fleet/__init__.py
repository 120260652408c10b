"""What the console knows of a cluster: the store, its joins, status words, health and explanations."""
