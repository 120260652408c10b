"""The sandbox on its own, for kubectl and whoever else reads a kubeconfig."""

import shlex
import signal
import sys
from pathlib import Path

from leviathan_sandbox.access.issuer import Issuer
from leviathan_sandbox.sandbox import Sandbox


def serve(
    kubeconfig_path: str | Path, apps: int = 24, port: int = 0, issuer: Issuer | None = None
) -> None:
    """Run a sandbox until SIGINT or SIGTERM, and write a kubeconfig for it (0600) meanwhile.

    Parameters:
        kubeconfig_path: where the kubeconfig goes; it is removed at the end, its token being worth
            nothing any more.
        apps: how many apps there are.
        port: where to listen; 0 for any port that is free.
        issuer: whose tokens it trusts, besides its own.

    Raises OSError when the port is taken or the file cannot be written.
    """
    signals = {signal.SIGINT, signal.SIGTERM}
    # Blocked before the sandbox's thread begins, so that they all wait for us below.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        with Sandbox(apps, port=port, issuer=issuer) as sandbox:
            path = sandbox.write_kubeconfig(kubeconfig_path)
            try:
                sys.stdout.write(
                    f"{apps} apps at {sandbox.url}, until you press Ctrl-C. In another terminal:\n"
                    f"  export KUBECONFIG={shlex.quote(str(path.resolve()))}\n"
                    "  kubectl get deployments -A\n"
                )
                sys.stdout.flush()
                signal.sigwait(signals)
            finally:
                path.unlink(missing_ok=True)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
