"""One file per subject of the HTTP interface."""
