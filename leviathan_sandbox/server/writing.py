"""Create, update, patch and delete over HTTP, and the scale subresource.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris and
https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/deployment-v1/#Operations
"""

from aiohttp import web

from leviathan_sandbox.applying import apply
from leviathan_sandbox.kinds import JOB, NAMESPACE, Kind
from leviathan_sandbox.objects import Object, copy, lookup, timestamp
from leviathan_sandbox.ownership.managers import UPDATE, Bookkeeper, FieldManager, bookkeeper
from leviathan_sandbox.patches import PATCH_TYPES, apply_patch
from leviathan_sandbox.preconditions import check_patched
from leviathan_sandbox.registry import Registry
from leviathan_sandbox.selectors import selector_text
from leviathan_sandbox.server.reading import list_page
from leviathan_sandbox.server.requests import (
    Target,
    decode,
    delete_options,
    list_options,
    read_body,
    read_object,
)
from leviathan_sandbox.server.responses import json_response
from leviathan_sandbox.server.views import encoder, stored_kind
from leviathan_sandbox.server.write_options import (
    APPLY_PATCH,
    WriteOptions,
    add_warnings,
    decode_apply_patch,
    without_unknown,
    write_options,
)
from leviathan_sandbox.shapes import check_shape
from leviathan_sandbox.status import (
    Cause,
    bad_request,
    conflict,
    invalid,
    method_not_allowed,
    unsupported_media_type,
)
from leviathan_sandbox.storage import Entry

SCALE_KIND = Kind("Scale", "scale", "autoscaling")
_JOB_WARNING = (
    '299 - "child pods are preserved by default when jobs are deleted; set'
    " propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this"
    ' warning"'
)


def _books(
    registry: Registry, kind: Kind, options: WriteOptions, subresource: str = ""
) -> Bookkeeper:
    manager = FieldManager(options.manager, UPDATE, kind.api_version, subresource)
    return bookkeeper(kind, manager, timestamp(registry.agenda.now()))


async def serve_create(
    request: web.Request, registry: Registry, target: Target
) -> web.StreamResponse:
    """Answer a POST to a collection.

    Raises StatusError.
    """
    kind = target.kind
    misplaced = kind.namespaced and not target.namespace
    if target.name or misplaced or kind is not stored_kind(kind):
        raise method_not_allowed()
    options = write_options(request)
    body, warnings = without_unknown(kind, await read_object(request, kind), options)
    books = _books(registry, kind, options)
    entry = registry.create(kind, target.namespace, body, dry_run=options.dry_run, books=books)
    return await _written(request, entry, warnings, 201)


async def serve_update(
    request: web.Request, registry: Registry, target: Target
) -> web.StreamResponse:
    """Answer a PUT to an object or one of its subresources.

    Raises StatusError.
    """
    options = write_options(request)
    if target.subresource == "scale":
        scale = await read_object(request, SCALE_KIND)
        return await _write_scale(request, registry, target, scale, options)
    kind = target.kind
    body, warnings = without_unknown(kind, await read_object(request, kind), options)
    return await _update(request, registry, target, body, options, warnings)


async def serve_patch(
    request: web.Request, registry: Registry, target: Target
) -> web.StreamResponse:
    """Answer a PATCH to an object or one of its subresources.

    Raises StatusError.
    """
    media_type, kind = request.content_type, target.kind
    if media_type == APPLY_PATCH and target.subresource != "scale":
        return await _serve_apply(request, registry, target)
    if media_type not in PATCH_TYPES:
        raise unsupported_media_type()
    options = write_options(request)
    patch = decode(await read_body(request))
    entry = registry.find(kind, target.namespace, target.name)
    if target.subresource == "scale":
        scale = apply_patch(scale_of(kind, entry), media_type, patch)
        return await _write_scale(request, registry, target, scale, options)
    patched = apply_patch(entry.object, media_type, patch)
    for field, value in (("apiVersion", kind.api_version), ("kind", kind.name)):
        if patched.get(field, value) != value:
            raise bad_request(
                f"the {field} in the data ({patched[field]}) does not match the expected {field}"
                f" ({value})"
            )
    body, warnings = without_unknown(kind, patched, options, patch=patch, media_type=media_type)
    check_shape(kind, body)
    check_patched(kind, body, entry.object)
    return await _update(request, registry, target, copy(body), options, warnings)


async def _serve_apply(
    request: web.Request, registry: Registry, target: Target
) -> web.StreamResponse:
    options = write_options(request)
    entry, is_new = apply(
        registry,
        target.kind,
        target.namespace,
        target.name,
        decode_apply_patch(await read_body(request)),
        options.manager,
        subresource=target.subresource,
        force=options.force,
        dry_run=options.dry_run,
    )
    return await _written(request, entry, [], 201 if is_new else 200)


async def _update(
    request: web.Request,
    registry: Registry,
    target: Target,
    body: Object,
    options: WriteOptions,
    warnings: list[str],
) -> web.StreamResponse:
    entry = registry.update(
        target.kind,
        target.namespace,
        target.name,
        body,
        target.subresource,
        dry_run=options.dry_run,
        books=_books(registry, target.kind, options, target.subresource),
    )
    return await _written(request, entry, warnings)


async def _written(
    request: web.Request, entry: Entry, warnings: list[str], code: int = 200
) -> web.StreamResponse:
    response = await json_response(request, entry.encoded, code)
    add_warnings(response, warnings)
    return response


def _success(kind: Kind, entry: Entry) -> Object:
    metadata = entry.object["metadata"]
    details: Object = {"name": metadata["name"]}
    if kind.group:
        details["group"] = kind.group
    details |= {"kind": kind.plural, "uid": metadata["uid"]}
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": details,
    }


async def serve_delete(
    request: web.Request, registry: Registry, target: Target
) -> web.StreamResponse:
    """Answer a DELETE of one object.

    Raises StatusError.
    """
    options = await delete_options(request)
    kind = stored_kind(target.kind)
    deletion = registry.delete(kind, target.namespace, target.name, options)
    code = 202 if not deletion.gone and options.cascades else 200
    if deletion.gone and not kind.returns_deleted:
        response = await json_response(request, _success(kind, deletion.entry), code)
    else:
        response = await json_response(request, encoder(target.kind)(deletion.entry), code)
    if kind is JOB and options.propagation is None:
        response.headers["Warning"] = _JOB_WARNING
    return response


async def serve_delete_collection(
    request: web.Request, registry: Registry, target: Target
) -> web.StreamResponse:
    """Answer a DELETE of all objects that selectors let through.

    Raises StatusError.
    """
    kind = stored_kind(target.kind)
    if "deletecollection" not in kind.verbs or (kind.namespaced and not target.namespace):
        raise method_not_allowed()
    options = await delete_options(request)
    page = list_page(registry.storage, target, list_options(request.query))
    items = []
    for entry in page.entries:
        metadata = entry.object["metadata"]
        deletion = registry.delete(kind, metadata.get("namespace", ""), metadata["name"], options)
        items.append(deletion.entry.object)
    return await json_response(
        request,
        {
            "kind": f"{target.kind.name}List",
            "apiVersion": target.kind.api_version,
            "metadata": {"resourceVersion": str(registry.storage.revision)},
            "items": items,
        },
    )


async def serve_finalize(
    request: web.Request, registry: Registry, target: Target
) -> web.StreamResponse:
    """Answer a PUT to a namespace's `finalize`: it may change `spec.finalizers` and nothing else.

    Raises StatusError.
    """
    body = await read_object(request, NAMESPACE)
    finalizers = lookup(body, "spec", "finalizers") or []

    def replace(namespace: Object) -> None:
        namespace["spec"] = {**namespace["spec"], "finalizers": finalizers}

    registry.find(NAMESPACE, "", target.name)
    entry = registry.edit(NAMESPACE, target.name, replace)
    return await json_response(request, entry.encoded if entry else {})


def scale_of(kind: Kind, entry: Entry) -> Object:
    """Return the Scale that stands for a workload's replicas."""
    metadata, spec = entry.object["metadata"], entry.object["spec"]
    fields = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    status: Object = {"replicas": lookup(entry.object, "status", "replicas") or 0}
    selector = selector_text(spec.get("selector"))
    if selector:
        status["selector"] = selector
    wanted = {"replicas": spec["replicas"]} if spec.get("replicas") else {}
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {field: metadata[field] for field in fields if field in metadata},
        "spec": wanted,
        "status": status,
    }


async def serve_scale(
    request: web.Request, registry: Registry, target: Target
) -> web.StreamResponse:
    """Answer a GET of the scale subresource.

    Raises StatusError (404).
    """
    entry = registry.find(target.kind, target.namespace, target.name)
    return await json_response(request, scale_of(target.kind, entry))


async def _write_scale(
    request: web.Request, registry: Registry, target: Target, scale: Object, options: WriteOptions
) -> web.StreamResponse:
    replicas = lookup(scale, "spec", "replicas") or 0
    if not isinstance(replicas, int):
        raise bad_request(
            'Scale in version "v1" cannot be handled as a Scale: json: cannot unmarshal string'
            " into Go struct field ScaleSpec.spec.replicas of type int32"
        )
    if replicas < 0:
        message = f"Invalid value: {replicas}: must be greater than or equal to 0"
        cause = Cause("spec.replicas", "FieldValueInvalid", message)
        raise invalid(SCALE_KIND, target.name, [cause])
    entry = registry.find(target.kind, target.namespace, target.name)
    metadata = entry.object["metadata"]
    submitted = scale.get("metadata") or {}
    for field, name in (("resourceVersion", "ResourceVersion"), ("uid", "UID")):
        if submitted.get(field) and submitted[field] != metadata[field]:
            raise conflict(
                target.kind,
                target.name,
                f"Precondition failed: {name} in precondition: {submitted[field]}, {name} in"
                f" object meta: {metadata[field]}",
            )
    body = copy(entry.object)
    body["spec"]["replicas"] = replicas
    written = registry.update(
        target.kind,
        target.namespace,
        target.name,
        body,
        dry_run=options.dry_run,
        books=_books(registry, target.kind, options, "scale"),
    )
    return await json_response(request, scale_of(target.kind, written))
