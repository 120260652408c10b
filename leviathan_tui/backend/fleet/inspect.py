"""Requests about one object, made when somebody looks at it."""

from typing import Any, Final

import msgspec

from leviathan_tui.backend.fleet.convert import event as convert_event
from leviathan_tui.backend.fleet.records import Event, Interner, Ref
from leviathan_tui.backend.kube import kinds, objects, wire
from leviathan_tui.backend.kube.client import KubeClient
from leviathan_tui.backend.kube.errors import ApiError
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.untrusted import clean

MASK: Final = "••••••••"
"""What stands on the screen for a Secret's value."""

MOST_EVENTS: Final = 200
"""Events asked for about one object."""


async def manifest(client: KubeClient, kind: Kind, ref: Ref) -> dict[str, Any]:
    """Return an object as the server holds it, without managedFields and with Secrets masked."""
    document = objects.decoded(await client.read(kind.path(ref.namespace, ref.name)))
    metadata = document.get("metadata")
    if isinstance(metadata, dict):
        metadata.pop("managedFields", None)
    if kind.name == "Secret" and not kind.group:
        for section in ("data", "stringData"):
            values = document.get(section)
            if isinstance(values, dict):
                document[section] = dict.fromkeys(values, MASK)
        if isinstance(metadata, dict) and isinstance(metadata.get("annotations"), dict):
            # kubectl apply keeps the whole Secret in this annotation.
            metadata["annotations"].pop("kubectl.kubernetes.io/last-applied-configuration", None)
    return document


async def events_about(client: KubeClient, ref: Ref) -> list[Event]:
    """Return the events about one object, the newest first."""
    fields = f"involvedObject.name={ref.name},involvedObject.kind={ref.kind}"
    if ref.uid:
        fields += f",involvedObject.uid={ref.uid}"
    keep = Interner()
    decoder = msgspec.json.Decoder(wire.Event)
    found: list[Event] = []
    async for page in client.pages(kinds.EVENT, ref.namespace, limit=MOST_EVENTS, fields=fields):
        for raw in page.items:
            try:
                found.append(convert_event(decoder.decode(raw), keep))
            except wire.UNREADABLE:
                continue
        break
    found.sort(key=lambda event: -event.last)
    return found


async def last_lines(
    client: KubeClient, ref: Ref, container: str = "", lines: int = 1, previous: bool = False
) -> list[str]:
    """Return a pod's last log lines, cleaned; none where there is no log to be had.

    A 400 is normal for a container that waits, or has no previous run.
    """
    params = {"tailLines": str(lines), "limitBytes": "65536"}
    if container:
        params["container"] = container
    if previous:
        params["previous"] = "true"
    try:
        body = await client.read(
            kinds.POD.path(ref.namespace, ref.name, "log"), params=params, accept="*/*"
        )
    except ApiError as error:
        if error.code in (400, 404):
            return []
        raise
    text = body.decode(errors="replace")
    return [clean(line, 500) for line in text.splitlines() if line.strip()][-lines:]
