"""A new app or cron job from a handful of answers: checked as they are typed, made into manifests."""

import re
import shlex
from dataclasses import dataclass, field
from typing import Any, Final

from leviathan_tui.backend.names import is_label, is_subdomain
from leviathan_tui.backend.schedules import ScheduleError, parse, zone

_ENV_NAME: Final = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_PART: Final = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
_IMAGE: Final = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]+)?/)?"
    rf"{_PART}(?:/{_PART})*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)
"""https://github.com/distribution/reference/blob/main/reference.go"""
_QUANTITY: Final = re.compile(r"[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_HOST: Final = re.compile(r"(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+")

CONCURRENCY: Final = ("Allow", "Forbid", "Replace")


@dataclass
class Answers:
    """What a form or a command line says; every field is the text as it was typed."""

    name: str = ""
    namespace: str = "default"
    image: str = ""
    port: str = ""
    replicas: str = "1"
    env: str = ""
    """Separated by spaces: `KEY=value`, `KEY=secret:NAME/KEY` or `KEY=config:NAME/KEY`."""
    cpu: str = ""
    """`REQUEST` or `REQUEST/LIMIT`, as in `100m/500m`."""
    memory: str = ""
    health: str = ""
    """A path that answers over HTTP, as in `/healthz`, or `tcp`."""
    host: str = ""
    """The host name of an Ingress; empty for none."""
    command: str = ""
    """What the container runs instead of its image's own, split as a shell would."""
    schedule: str = ""
    time_zone: str = ""
    concurrency: str = "Allow"
    deadline: str = ""
    """Seconds within which a run may start late; empty for any time."""
    keep: str = "3/1"
    """Successful and failed jobs that are kept."""
    pull_secret: str = ""
    """Secrets with which the image is pulled, separated by spaces."""
    service_account: str = ""
    """As whom the pods speak to the cluster; empty for the namespace's default."""
    labels: dict[str, str] = field(default_factory=dict)


def problems(answers: Answers, *, cron: bool) -> dict[str, str]:
    """Return what is wrong, by field; nothing where the answers make a manifest."""
    found: dict[str, str] = {}

    def need(name: str, good: bool, words: str) -> None:
        if not good:
            found.setdefault(name, words)

    longest = 52 if cron else 63
    need("name", is_label(answers.name), "lower-case letters, digits and -")
    # A Service has the app's name, and its own rule (RFC 1035).
    letter = not answers.port or not answers.name[:1].isdigit()
    need("name", letter, "a letter first, for with a port it is a Service's name too")
    need("name", len(answers.name) <= longest, f"at most {longest} characters")
    need("namespace", is_label(answers.namespace), "lower-case letters, digits and -")
    need("image", is_image(answers.image), "an image, as in nginx:1.29")
    pulls = all(map(is_subdomain, answers.pull_secret.split()))
    need("pull_secret", pulls, "names of Secrets, with spaces between them")
    account = answers.service_account
    need("service_account", not account or is_subdomain(account), "a ServiceAccount's name")
    try:
        environment(answers.env)
    except ValueError as error:
        found["env"] = str(error)
    try:
        _resources(answers)
    except ValueError as error:
        found[str(error).partition(":")[0]] = str(error).partition(": ")[2]
    try:
        shlex.split(answers.command)
    except ValueError as error:
        found["command"] = str(error)
    if cron:
        try:
            parse(answers.schedule)
        except ScheduleError as error:
            found["schedule"] = str(error)
        try:
            if answers.time_zone:
                zone(answers.time_zone)
        except ScheduleError as error:
            found["time_zone"] = str(error)
        need("concurrency", answers.concurrency in CONCURRENCY, f"one of {', '.join(CONCURRENCY)}")
        need(
            "deadline", not answers.deadline or _is_number(answers.deadline), "seconds, or nothing"
        )
        need("keep", bool(re.fullmatch(r"\d{1,3}/\d{1,3}", answers.keep)), "as in 3/1")
        return found
    need("replicas", _is_number(answers.replicas) and int(answers.replicas) <= 10_000, "0 to 10000")
    port_ok = not answers.port or (_is_number(answers.port) and 0 < int(answers.port) < 65536)
    need("port", port_ok, "1 to 65535")
    health_ok = answers.health in ("", "tcp") or answers.health.startswith("/")
    need("health", health_ok, "a path as in /healthz, or tcp")
    need("health", not answers.health or bool(answers.port), "a health check needs a port")
    need("host", not answers.host or bool(_HOST.fullmatch(answers.host)), "a host name")
    need("host", not answers.host or bool(answers.port), "an Ingress needs a port")
    return found


def is_image(text: str) -> bool:
    """Whether a text can be an image's reference."""
    return _IMAGE.fullmatch(text) is not None


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,9}", text) is not None


def environment(text: str) -> list[dict[str, Any]]:
    """Return environment variables as a container takes them. Raises ValueError with the reason."""
    found: list[dict[str, Any]] = []
    for part in shlex.split(text):
        name, equals, value = part.partition("=")
        if not equals or not _ENV_NAME.fullmatch(name):
            raise ValueError(f"KEY=value, KEY=secret:NAME/KEY or KEY=config:NAME/KEY, not {part}")
        source, colon, where = value.partition(":")
        holder, slash, key = where.partition("/")
        if source in ("secret", "config") and colon:
            if not slash or not holder or not key:
                raise ValueError(f"{name}={source}:NAME/KEY")
            reference = "secretKeyRef" if source == "secret" else "configMapKeyRef"
            found.append({"name": name, "valueFrom": {reference: {"name": holder, "key": key}}})
        else:
            found.append({"name": name, "value": value})
    return found


def _resources(answers: Answers) -> dict[str, Any]:
    requests: dict[str, str] = {}
    limits: dict[str, str] = {}
    for name, text in (("cpu", answers.cpu), ("memory", answers.memory)):
        request, _, limit = text.partition("/")
        for value, target in ((request, requests), (limit, limits)):
            if not value:
                continue
            if not _QUANTITY.fullmatch(value):
                raise ValueError(f"{name}: a quantity as in {'100m' if name == 'cpu' else '128Mi'}")
            target[name] = value
    return {key: value for key, value in (("requests", requests), ("limits", limits)) if value}


def _container(answers: Answers) -> dict[str, Any]:
    container: dict[str, Any] = {"name": answers.name, "image": answers.image}
    if answers.command:
        container["command"] = shlex.split(answers.command)
    if answers.env:
        container["env"] = environment(answers.env)
    resources = _resources(answers)
    if resources:
        container["resources"] = resources
    return container


def _pod_spec(answers: Answers, container: dict[str, Any]) -> dict[str, Any]:
    pod: dict[str, Any] = {"containers": [container]}
    if answers.service_account:
        pod["serviceAccountName"] = answers.service_account
    if answers.pull_secret:
        pod["imagePullSecrets"] = [{"name": name} for name in answers.pull_secret.split()]
    return pod


def app_manifests(answers: Answers) -> list[dict[str, Any]]:
    """Return a Deployment, and a Service and an Ingress where port and host are given."""
    labels = {"app.kubernetes.io/name": answers.name, **answers.labels}
    metadata = {"name": answers.name, "namespace": answers.namespace, "labels": labels}
    container = _container(answers)
    if answers.port:
        port = int(answers.port)
        container["ports"] = [{"name": "http", "containerPort": port, "protocol": "TCP"}]
        if answers.health:
            how = (
                {"tcpSocket": {"port": "http"}}
                if answers.health == "tcp"
                else {"httpGet": {"path": answers.health, "port": "http"}}
            )
            container["readinessProbe"] = {**how, "periodSeconds": 5}
            container["livenessProbe"] = {**how, "periodSeconds": 10, "failureThreshold": 6}
    found: list[dict[str, Any]] = [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {
                "replicas": int(answers.replicas),
                "selector": {"matchLabels": {"app.kubernetes.io/name": answers.name}},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": _pod_spec(answers, container),
                },
            },
        }
    ]
    if answers.port:
        found.append(
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": metadata,
                "spec": {
                    "selector": {"app.kubernetes.io/name": answers.name},
                    "ports": [
                        {"name": "http", "port": port, "targetPort": "http", "protocol": "TCP"}
                    ],
                },
            }
        )
    if answers.host:
        backend = {"service": {"name": answers.name, "port": {"name": "http"}}}
        path = {"path": "/", "pathType": "Prefix", "backend": backend}
        found.append(
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "Ingress",
                "metadata": metadata,
                "spec": {"rules": [{"host": answers.host, "http": {"paths": [path]}}]},
            }
        )
    return found


def cron_manifests(answers: Answers) -> list[dict[str, Any]]:
    """Return a CronJob."""
    labels = {"app.kubernetes.io/name": answers.name, **answers.labels}
    succeeded, _, failed = answers.keep.partition("/")
    spec: dict[str, Any] = {
        "schedule": answers.schedule,
        "concurrencyPolicy": answers.concurrency,
        "successfulJobsHistoryLimit": int(succeeded),
        "failedJobsHistoryLimit": int(failed),
        "jobTemplate": {
            "spec": {
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"restartPolicy": "Never", **_pod_spec(answers, _container(answers))},
                }
            }
        },
    }
    if answers.time_zone:
        spec["timeZone"] = answers.time_zone
    if answers.deadline:
        spec["startingDeadlineSeconds"] = int(answers.deadline)
    return [
        {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": {
                "name": answers.name,
                "namespace": answers.namespace,
                "labels": labels,
            },
            "spec": spec,
        }
    ]
