"""`leviathan sandbox`: the demo's cluster alone, for kubectl."""

from argparse import Namespace

from leviathan_sandbox import Issuer, serve
from leviathan_tui.startup import fail


def run_sandbox(options: Namespace) -> int:
    """Run the demo's cluster alone until it is interrupted. Returns the exit code."""
    issuer = None
    try:
        if options.issuer:
            pem = options.issuer_ca.read_text() if options.issuer_ca is not None else None
            issuer = Issuer(options.issuer, options.audience, pem)
        serve(options.write_kubeconfig, options.apps, options.port, issuer)
    except OSError as error:
        return fail(f"The sandbox does not start: {error.strerror or error}.")
    return 0
