"""The sandbox: an embedded Kubernetes API server, in process, with a living fleet.

    with Sandbox(apps=24) as sandbox:
        sandbox.write_kubeconfig("kubeconfig")

How a pod behaves is told by an annotation: see `leviathan_sandbox.pods.behaviours`.
"""

from leviathan_sandbox import status as errors
from leviathan_sandbox.access.issuer import Issuer
from leviathan_sandbox.clock import ManualClock, SystemClock
from leviathan_sandbox.deletion import DeleteOptions
from leviathan_sandbox.pods.behaviours import BEHAVIOUR, LOG, Behaviour
from leviathan_sandbox.sandbox import Sandbox
from leviathan_sandbox.serve import serve
from leviathan_sandbox.server.faults import (
    Busy,
    Fault,
    Html,
    IncompleteRules,
    Malformed,
    Refused,
    Reset,
    Silent,
    Slow,
    StreamFault,
    forbidden_to_list,
)
from leviathan_sandbox.status import StatusError

__all__ = [
    "BEHAVIOUR",
    "LOG",
    "Behaviour",
    "Busy",
    "DeleteOptions",
    "Fault",
    "Html",
    "IncompleteRules",
    "Issuer",
    "Malformed",
    "ManualClock",
    "Refused",
    "Reset",
    "Sandbox",
    "Silent",
    "Slow",
    "StatusError",
    "StreamFault",
    "SystemClock",
    "errors",
    "forbidden_to_list",
    "serve",
]
