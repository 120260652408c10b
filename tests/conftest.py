"""What holds for every test."""

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

from leviathan_tui.backend.kube import plugins

# How long an example takes says how busy the machine is, and nothing of the code.
settings.register_profile("leviathan", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("leviathan")

STEADY = "0.2"
"""For how many seconds new pods have to stay ready, where a test does not ask for more."""

os.environ["LEVIATHAN_STEADY_SECONDS"] = STEADY

# A shell's background job ignores ctrl-c; the programs that are tested would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _plugins_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credential plugins are the process's: one that failed in a test is no other test's."""
    monkeypatch.setattr(plugins, "_PLUGINS", {})
