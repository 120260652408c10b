"""Manifests from files, read as kubectl reads them and as safely as text from strangers has to be.

Where the meaning of a scalar may surprise, a warning says so.
"""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from leviathan_tui.backend.kube import scalars
from leviathan_tui.backend.kube.scalars import Scalar, ScalarError
from leviathan_tui.backend.untrusted import clean

MAX_BYTES: Final = 4 * 1024 * 1024
"""Bytes of one file; an object may have 1.5 MiB at the server."""

MAX_NODES: Final = 100_000
"""Values of one file, aliases counted each time they are used."""

MAX_DEPTH: Final = 100

MAX_FILES: Final = 500

_CORE: Final = "tag:yaml.org,2002:"
_PLAIN: Final = "plain"
"""In place of the tag of a scalar that has neither tag nor quotes."""
_SEXAGESIMAL: Final = re.compile(r"[0-9]+(:[0-9]+)+")
_ODD_NUMBER: Final = re.compile(r"[-+]?0[xXbBoO0-9_].*|[^.]*[eE].*|[0-9.+-]*_.*")
"""Numbers that whoever wrote them may have meant as texts: `010`, `1e3`, `1_000`."""

ORDER: Final = (
    "Namespace",
    "CustomResourceDefinition",
    "PriorityClass",
    "StorageClass",
    "ResourceQuota",
    "LimitRange",
    "ServiceAccount",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "Secret",
    "ConfigMap",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Service",
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "Job",
    "CronJob",
    "PodDisruptionBudget",
    "HorizontalPodAutoscaler",
    "Ingress",
)
"""What others need comes first; kinds that are not named come last."""


class ManifestError(Exception):
    """The text is no manifest; says where and why."""


class Manifest(msgspec.Struct):
    """One object of a file."""

    document: dict[str, Any]
    source: str
    """The file and the line that it begins in, as in `web.yaml:12`."""
    warnings: list[str]

    @property
    def rank(self) -> int:
        """Where it stands in the order of applying."""
        kind = str(self.document.get("kind"))
        return ORDER.index(kind) if kind in ORDER else len(ORDER)


def load(place: str) -> list[Manifest]:
    """Read a file, or all `.yaml`, `.yml` and `.json` files of a folder, in the order of applying.

    `~` is the home folder. Raises `ManifestError`.
    """
    path = Path(place).expanduser()
    try:
        files = sorted(_files(path)) if path.is_dir() else [path]
        if len(files) > MAX_FILES:
            raise ManifestError(f"{path} holds more than {MAX_FILES} files.")
        found = [manifest for file in files for manifest in read(_text(file), str(file))]
    except OSError as error:
        raise ManifestError(f"{error.filename or path}: {error.strerror}.") from error
    if not found:
        raise ManifestError(f"{path} holds no manifest.")
    found.sort(key=lambda manifest: manifest.rank)
    return found


def _files(folder: Path) -> Iterator[Path]:
    for file in folder.iterdir():
        if file.suffix in (".yaml", ".yml", ".json") and not file.name.startswith("."):
            yield file


def _text(file: Path) -> str:
    # A pipe of that name must not keep the console waiting for whoever writes to it.
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as opened:
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            raise ManifestError(f"{file} is no ordinary file.")
        data = opened.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ManifestError(f"{file} is larger than {MAX_BYTES // 1024 // 1024} MiB.")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ManifestError(f"{file} is no UTF-8 text.") from error


def read(text: str, name: str = "text") -> list[Manifest]:
    """Return the objects of a text of one or several documents; a `List` counts as its items.

    Raises `ManifestError` with the line.
    """
    found: list[Manifest] = []
    reader = _Reader(name)
    try:
        loader = _Loader(text)
    except (yaml.YAMLError, UnicodeError) as error:
        raise ManifestError(f"{name}: it holds what is no text.") from error
    try:
        # The document's nodes are composed without being made into values: that is done here.
        reader.guard(text)
        while loader.check_node():
            node = loader.get_node()
            if node is None:
                break
            reader.warnings = []
            value = reader.value(node, 0)
            if value is not None:
                line = node.start_mark.line + 1
                found += _objects(value, f"{name}:{line}", reader.warnings)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}" if mark is not None else ""
        problem = clean(str(getattr(error, "problem", None) or "it is no YAML"), 200)
        raise ManifestError(f"{name}{where}: {problem}.") from error
    except RecursionError as error:
        raise ManifestError(f"{name}: it is nested too deeply.") from error
    finally:
        loader.dispose()
    return found


def _objects(value: Any, source: str, warnings: list[str]) -> Iterator[Manifest]:
    if not isinstance(value, dict):
        raise ManifestError(f"{source}: an object has apiVersion, kind and metadata.")
    if str(value.get("kind", "")).endswith("List") and isinstance(value.get("items"), list):
        for item in value["items"]:
            yield from _objects(item, source, warnings)
        return
    for field in ("apiVersion", "kind"):
        if not isinstance(value.get(field), str) or not value[field]:
            raise ManifestError(f"{source}: {field} is missing.")
    metadata = value.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        given = metadata.get("name") if isinstance(metadata, dict) else None
        if given is not None:
            # `name: n` is such a case: without quotes, n means false.
            raise ManifestError(f"{source}: metadata.name is {given!r} and no text; quote it.")
        raise ManifestError(f"{source}: metadata.name is missing.")
    yield Manifest(value, source, list(warnings))


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Leaves open what a scalar is that has neither tag nor quotes: PyYAML would decide otherwise."""

    def resolve(self, kind: type[yaml.Node], value: str | None, implicit: Any) -> str:
        """Return the tag of a node that has none."""
        if kind is yaml.ScalarNode:
            return _PLAIN if implicit[0] else f"{_CORE}str"
        return str(super().resolve(kind, value, implicit))


class _Reader:
    """Makes values of nodes, within bounds."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes = 0
        self.warnings: list[str] = []

    def guard(self, text: str) -> None:
        """Refuse what nests so deeply that composing it would exhaust the stack."""
        depth = 0
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > MAX_DEPTH:
                    raise self._error(event.start_mark, f"it is nested deeper than {MAX_DEPTH}")
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1

    def value(self, node: yaml.Node, depth: int) -> Any:
        """Return a node's value. Raises `ManifestError`."""
        self._nodes += 1
        if self._nodes > MAX_NODES or depth > MAX_DEPTH:
            raise self._error(node.start_mark, "its aliases make it too large")
        if node.tag != _PLAIN and (not node.tag.startswith(_CORE) or "python" in node.tag):
            raise self._error(node.start_mark, f"the tag {clean(node.tag, 80)} is not allowed")
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, depth + 1) for item in node.value]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, depth)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        raise self._error(node.start_mark, "it is neither a value, a list nor a mapping")

    def _mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._error(key_node.start_mark, "a key has to be a text")
            value = self.value(value_node, depth + 1)
            if key_node.tag in (_PLAIN, f"{_CORE}merge") and key_node.value == "<<":
                for part in value if isinstance(value, list) else [value]:
                    if not isinstance(part, dict):
                        raise self._error(key_node.start_mark, "only mappings can be merged")
                    merged = {**part, **merged}
                continue
            key = self._key(key_node)
            if key in found:
                raise self._error(key_node.start_mark, f"the key {clean(key, 60)} is there twice")
            found[key] = value
        return {**merged, **found}

    def _key(self, node: yaml.ScalarNode) -> str:
        try:
            key = scalars.key(self._meaning(node), node.value)
        except ScalarError as error:
            raise self._error(node.start_mark, clean(str(error), 200)) from error
        if node.tag == _PLAIN and key != node.value:
            self._warn(node, f"the key {node.value} means {key}; quote it for a text")
        return key

    def _scalar(self, node: yaml.ScalarNode) -> Scalar:
        text: str = node.value
        try:
            value = self._meaning(node)
        except ScalarError as error:
            raise self._error(node.start_mark, clean(str(error), 200)) from error
        if node.tag != _PLAIN:
            return value
        if isinstance(value, bool):
            if text.lower() not in ("true", "false"):
                self._warn(node, f"{text} means {str(value).lower()}; quote it for a text")
        elif isinstance(value, int | float) and _ODD_NUMBER.fullmatch(text):
            self._warn(node, f"{text} means {value}; quote it for a text")
        elif isinstance(value, str) and _SEXAGESIMAL.fullmatch(text):
            self._warn(node, f"{text} is a text, not a number of seconds")
        return value

    @staticmethod
    def _meaning(node: yaml.ScalarNode) -> Scalar:
        text = str(node.value)
        if node.tag == _PLAIN:
            return scalars.plain(text)
        return scalars.tagged(text, node.tag.removeprefix(_CORE))

    def _warn(self, node: yaml.Node, words: str) -> None:
        line = node.start_mark.line + 1
        self.warnings.append(f"{self._name}:{line}: {clean(words, 200)}.")

    def _error(self, mark: Any, problem: str) -> ManifestError:
        return ManifestError(f"{self._name}:{mark.line + 1}: {problem}.")
