"""Speaking to a Kubernetes API server: kubeconfig, client, reflector, resource structs."""
