"""What tells two releases of an app apart, beside their images."""

import copy
from typing import Any

import pytest

from leviathan_tui.backend.fleet.releases import MOST_NAMED, changed_fields

POD: dict[str, Any] = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {
        "containers": [
            {
                "name": "main",
                "image": "web:1",
                "env": [{"name": "LOG_LEVEL", "value": "info"}, {"name": "TOKEN", "value": "x"}],
            }
        ]
    },
}


def changed(**container: Any) -> str:
    """What is told of a release whose container differs so."""
    after = copy.deepcopy(POD)
    after["spec"]["containers"][0].update(container)
    return changed_fields(POD, after)


def test_an_environment_is_told_by_its_names_and_never_by_its_values() -> None:
    env = [{"name": "LOG_LEVEL", "value": "debug"}, {"name": "NEW", "value": "secret"}]
    assert changed(env=env) == "env LOG_LEVEL, env TOKEN, env NEW"


def test_an_image_is_told_elsewhere() -> None:
    assert changed(image="web:2") == ""
    assert changed(image="web:2", command=["web"]) == "command"


def test_other_fields_are_named() -> None:
    after = copy.deepcopy(POD)
    after["spec"]["serviceAccountName"] = "web"
    after["metadata"]["labels"]["tier"] = "front"
    assert changed_fields(POD, after) == "serviceAccountName, labels"


def test_a_restart_is_called_one() -> None:
    after = copy.deepcopy(POD)
    after["metadata"]["annotations"] = {"kubectl.kubernetes.io/restartedAt": "x", "a/b": "c"}
    assert changed_fields(POD, after) == "restart, annotation a/b"


def test_of_several_containers_each_is_named() -> None:
    after = copy.deepcopy(POD)
    after["spec"]["initContainers"] = [{"name": "migrate", "image": "web:1"}]
    assert changed_fields(POD, after) == "container migrate"
    after["spec"]["containers"].append({"name": "proxy", "image": "proxy:1"})
    later = copy.deepcopy(after)
    later["spec"]["containers"][1]["args"] = ["-v"]
    assert changed_fields(after, later) == "proxy: args"


def test_not_everything_is_named() -> None:
    env = [{"name": f"V{number}", "value": ""} for number in range(10)]
    assert changed(env=env).endswith(f", {12 - MOST_NAMED} more")


@pytest.mark.parametrize("broken", [{}, {"spec": None}, {"spec": {"containers": [{}]}}])
def test_templates_that_lack_everything(broken: dict[str, Any]) -> None:
    assert changed_fields(broken, broken) == ""
    assert isinstance(changed_fields(POD, broken), str)
