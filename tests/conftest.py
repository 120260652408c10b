"""What holds for every test."""

import pytest
from hypothesis import HealthCheck, settings

from leviathan_tui.backend.kube import plugins

# How long an example takes says how busy the machine is, and nothing of the code.
settings.register_profile("leviathan", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("leviathan")


@pytest.fixture(autouse=True)
def _plugins_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credential plugins are the process's: one that failed in a test is no other test's."""
    monkeypatch.setattr(plugins, "_PLUGINS", {})
