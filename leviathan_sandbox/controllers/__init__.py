"""The controllers that keep the sandbox alive, one file each, as in a control plane."""
