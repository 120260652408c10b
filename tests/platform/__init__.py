"""The platform on a real cluster: installed from `k8s/overlays/dev`, used, broken, and removed."""
