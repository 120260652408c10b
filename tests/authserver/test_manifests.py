"""The manifests and stanzas that the documentation gives away are what they say."""

import re
from pathlib import Path

import yaml

from leviathan_tui.cli.main import build_parser

ROOT = Path(__file__).parents[2]


def rules_of(text: str) -> list[dict[str, list[str]]]:
    found = (document for document in yaml.safe_load_all(text) if document["kind"] == "ClusterRole")
    return [rule for role in found for rule in role["rules"]]


def test_impersonation_is_only_of_people_and_groups_that_are_named() -> None:
    text = (ROOT / "k8s/impersonation.yaml").read_text()
    rules = rules_of(text)
    assert [rule["resources"] for rule in rules] == [["users"], ["groups"]]
    for rule in rules:
        assert rule["verbs"] == ["impersonate"]
        assert rule["resourceNames"]
        assert all(name.startswith("leviathan:") for name in rule["resourceNames"])
    (shown,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "k8s/README.md").read_text(), re.DOTALL)
    assert yaml.safe_load(shown) == rules


def test_the_kubeconfig_stanza_calls_the_console_as_it_can_be_called() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/auth-server.md").read_text(), re.DOTALL)
    (stanza,) = [yaml.safe_load(block) for block in blocks if "exec:" in block]
    (user,) = stanza["users"]
    plugin = user["user"]["exec"]
    assert plugin["apiVersion"] == "client.authentication.k8s.io/v1"
    assert plugin["command"] == "leviathan"
    # v1 has no default for it: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
    assert plugin["interactiveMode"] == "Never"
    options = build_parser(plugin["args"]).parse_args(plugin["args"])
    assert (options.auth, options.audience) == ("https://auth.example", "leviathan")
    assert stanza["contexts"][0]["context"]["user"] == user["name"]
