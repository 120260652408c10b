"""The configuration file: what it may say, where it lies, and where each value came from.

The file is `$XDG_CONFIG_HOME/leviathan/config.yaml`; a variable `LEVIATHAN_…` overrides a value of
the file. Nothing in it is needed to start.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

PREFIX: Final = "LEVIATHAN_"
"""Environment variables begin with this; `LEVIATHAN_THEME` overrides `theme`."""

MAX_BYTES: Final = 1024 * 1024

LONGEST_STEADY: Final = 600
"""The most that `steady_seconds` may be."""

FEWEST_LINES: Final = 1_000
"""Log lines that are kept at least."""

DEFAULT_AUDIENCE: Final = "leviathan"
"""The audience of a cluster for which none is configured."""


class ConfigError(Exception):
    """The configuration cannot be used; the text says which key and why."""


class GuardConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True, rename="kebab"):
    """What may not be done in a context, whatever the cluster allows."""

    read_only: bool = False
    """Whether nothing at all may be changed."""
    confirm: str = ""
    """`type-the-name`: each change is confirmed by typing the name of its object."""
    deny: tuple[str, ...] = ()
    """Verbs that are forbidden, as in `delete`, `delete:shop` or `*:kube-system`."""
    max_bulk: int = 0
    """How many objects may be changed at once; 0 for any number."""


class ContextConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Settings for one context of the kubeconfig."""

    namespaces: tuple[str, ...] = ()
    """Namespaces to show where listing all of them is forbidden."""
    identity: str = ""
    """`oidc`, `kubeconfig` or `impersonate`; by default `oidc` where an audience is named."""
    audience: str = ""
    """What this cluster's API server expects as the token's audience."""
    guard: GuardConfig = GuardConfig()
    """What may not be done here."""


class Config(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """All settings. Every field is documented in docs/configuration.md."""

    theme: str = "dark"
    """`dark` or `light`."""
    mouse: bool = True
    """Whether the mouse is used; without it the terminal selects text as usual."""
    namespaces: tuple[str, ...] = ()
    """Namespaces to show, in every context, where listing all of them is forbidden."""
    auth: str = ""
    """The auth server's address; empty for none."""
    served: bool = False
    """Whether several people use this console one after another, under one account of the machine."""
    auth_ca: str = ""
    """A file with the authority of the auth server's certificate, where the system's do not do."""
    contexts: dict[str, ContextConfig] = {}
    """Settings by context name."""
    events: bool = False
    """Whether changes are also written as Kubernetes Events on their objects."""
    steady_seconds: float = 10.0
    """Seconds for which new pods have to stay ready before a change counts as up."""
    log_lines: int = 200_000
    """Lines of a log view that are kept; older ones are dropped."""
    log_spill: bool = False
    """Whether older lines go into a temporary file instead, so that none scrolled past is lost."""
    snapshots: str = "file"
    """Where the last known state is kept: `file`, `off`, or the address of a Redis."""
    snapshots_insecure: bool = False
    """Whether a Redis on another machine is used without TLS or without a password."""
    keymap: str = ""
    """The keymap file; relative to the configuration file. Default: `keymap.yaml` beside it."""

    def context(self, name: str) -> ContextConfig:
        """Return a context's settings."""
        return self.contexts.get(name, ContextConfig())

    def identity_of(self, name: str) -> str:
        """Return how a context's user is known: `oidc`, `kubeconfig` or `impersonate`."""
        own = self.context(name)
        # A token goes only to clusters that are named for it: `:ctx` must not hand the one of
        # production to whatever other cluster the kubeconfig has.
        return own.identity or ("oidc" if self.auth and own.audience else "kubeconfig")

    def audience_of(self, name: str) -> str:
        """Return the audience of the tokens for a context's cluster."""
        return self.context(name).audience or DEFAULT_AUDIENCE

    def namespaces_for(self, context: str) -> tuple[str, ...]:
        """Return the namespaces configured for a context, its own first."""
        own = self.context(context).namespaces
        return tuple(dict.fromkeys((*own, *self.namespaces)))


class Loaded(msgspec.Struct):
    """A configuration with where its values came from."""

    config: Config
    path: Path
    sources: dict[str, str]
    """By key: `default`, the file's path, or the variable's name."""


def config_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of the configuration, whether or not it exists."""
    base = environment.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "leviathan"


def load(environment: Mapping[str, str] = os.environ, path: Path | None = None) -> Loaded:
    """Read the configuration file and the environment.

    A missing file is an empty one. Raises `ConfigError` with the key and the reason.
    """
    file = path or config_folder(environment) / "config.yaml"
    values = _read_mapping(file)
    sources = dict.fromkeys(Config.__struct_fields__, "default")
    sources |= {str(key): str(file) for key in values if key in sources}
    for field in Config.__struct_fields__:
        variable = PREFIX + field.upper()
        if variable in environment and field != "contexts":
            values[field] = _from_text(field, environment[variable])
            sources[field] = variable
    try:
        config = msgspec.convert(values, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{file}: {error}") from error
    if config.theme not in ("dark", "light"):
        raise ConfigError(f"theme ({sources['theme']}): {config.theme!r} is neither dark nor light")
    if not 0 <= config.steady_seconds <= LONGEST_STEADY:
        where = sources["steady_seconds"]
        raise ConfigError(f"steady_seconds ({where}): from 0 to {LONGEST_STEADY} seconds")
    if config.log_lines < FEWEST_LINES:
        raise ConfigError(f"log_lines ({sources['log_lines']}): at least {FEWEST_LINES} are kept")
    for name, context in config.contexts.items():
        if context.identity not in ("", "oidc", "kubeconfig", "impersonate"):
            raise ConfigError(f"contexts.{name}.identity: {context.identity!r} is no way to log in")
        if context.guard.confirm not in ("", "type-the-name"):
            raise ConfigError(
                f"contexts.{name}.guard.confirm: {context.guard.confirm!r} is not type-the-name"
            )
    if config.served:
        config = _without_files(config, sources)
    return Loaded(config, file, sources)


def _without_files(config: Config, sources: dict[str, str]) -> Config:
    """Return the settings of a console that leaves nothing of a person on its machine."""
    values: dict[str, Any] = {}
    if config.snapshots == "file":
        values["snapshots"] = "off"
    if config.log_spill:
        values["log_spill"] = False
    sources |= dict.fromkeys(values, "served")
    return msgspec.structs.replace(config, **values)


def _from_text(field: str, text: str) -> Any:
    if field in ("mouse", "events", "log_spill", "served", "snapshots_insecure"):
        return {"1": True, "true": True, "0": False, "false": False}.get(text.lower(), text)
    if field == "log_lines":
        return int(text) if text.isdecimal() else text
    if field == "steady_seconds":
        try:
            return float(text)
        except ValueError:
            return text
    if field == "namespaces":
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _read_mapping(file: Path) -> dict[str, Any]:
    try:
        text = file.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error
    if len(text) > MAX_BYTES:
        raise ConfigError(f"{file} is larger than 1 MiB")
    try:
        document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe loaders
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        raise ConfigError(f"{file} is not valid YAML{where}") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigError(f"{file} does not hold keys and values")
    return document


def load_keymap(loaded: Loaded, known: frozenset[str]) -> dict[str, str]:
    """Return the user's keys by action id, several keys separated by commas.

    Raises `ConfigError` for an id that no action has.
    """
    file = loaded.path.parent / (loaded.config.keymap or "keymap.yaml")
    keymap: dict[str, str] = {}
    for name, keys in _read_mapping(file).items():
        if name not in known:
            raise ConfigError(f"{file}: there is no action {name!r}")
        keymap[str(name)] = ",".join(keys) if isinstance(keys, list) else str(keys)
    return keymap
