"""The sandbox's HTTP side: the Kubernetes API over the objects of one cluster."""
