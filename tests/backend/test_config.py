"""The configuration file, the environment above it, and the keymap."""

from pathlib import Path

import pytest

from leviathan_tui.backend.config import ConfigError, load, load_keymap


def write(folder: Path, text: str) -> dict[str, str]:
    (folder / "leviathan").mkdir(parents=True, exist_ok=True)
    (folder / "leviathan" / "config.yaml").write_text(text)
    return {"XDG_CONFIG_HOME": str(folder)}


def test_without_a_file_there_are_defaults(tmp_path: Path) -> None:
    loaded = load({"XDG_CONFIG_HOME": str(tmp_path)})
    assert loaded.config.theme == "dark"
    assert set(loaded.sources.values()) == {"default"}


def test_the_environment_overrides_the_file_and_says_so(tmp_path: Path) -> None:
    environment = write(tmp_path, "theme: light\nmouse: true\nnamespaces: [shop]\n")
    environment |= {"LEVIATHAN_MOUSE": "0", "LEVIATHAN_NAMESPACES": "a, b"}
    loaded = load(environment)
    assert (loaded.config.theme, loaded.config.mouse) == ("light", False)
    assert loaded.config.namespaces == ("a", "b")
    assert loaded.sources["mouse"] == "LEVIATHAN_MOUSE"
    assert loaded.sources["theme"].endswith("config.yaml")


def test_a_contexts_own_namespaces_come_first(tmp_path: Path) -> None:
    text = "namespaces: [a]\ncontexts: {prod: {namespaces: [b, a]}}\n"
    config = load(write(tmp_path, text)).config
    assert config.namespaces_for("prod") == ("b", "a")
    assert config.namespaces_for("other") == ("a",)


def test_a_token_goes_only_to_contexts_that_are_named_for_it(tmp_path: Path) -> None:
    text = (
        "auth: https://auth\ncontexts: {prod: {audience: prod}, old: {identity: kubeconfig}, "
        "inside: {identity: impersonate}}\n"
    )
    config = load(write(tmp_path, text)).config
    modes = [config.identity_of(name) for name in ("prod", "old", "inside", "vendor")]
    assert modes == ["oidc", "kubeconfig", "impersonate", "kubeconfig"]
    assert config.audience_of("prod") == "prod"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("theme: pink", "neither dark nor light"),
        ("mouse: maybe", "mouse"),
        ("colour: red", "colour"),
        ("a: [", "not valid YAML"),
        ("- a", "keys and values"),
        ("theme: !!python/object/apply:os.system ['true']", "not valid YAML"),
    ],
)
def test_a_bad_file_is_refused_with_the_reason(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(write(tmp_path, text))


def test_the_keymap_knows_only_commands(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, ""))
    keymap = loaded.path.parent / "keymap.yaml"
    keymap.write_text("down: [n, down]\n")
    assert load_keymap(loaded, frozenset({"down"})) == {"down": "n,down"}
    keymap.write_text("dwon: n\n")
    with pytest.raises(ConfigError, match="no action 'dwon'"):
        load_keymap(loaded, frozenset({"down"}))


def test_log_settings_are_numbers_and_switches(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    loaded = load({"LEVIATHAN_LOG_LINES": "5000", "LEVIATHAN_LOG_SPILL": "true"}, file)
    assert (loaded.config.log_lines, loaded.config.log_spill) == (5000, True)
    for wrong in ("many", "10"):
        with pytest.raises(ConfigError, match="log_lines"):
            load({"LEVIATHAN_LOG_LINES": wrong}, file)
