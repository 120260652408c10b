"""What a write presumes: which object it means, and in which state.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
"""

from leviathan_sandbox.kinds import Kind
from leviathan_sandbox.objects import Object
from leviathan_sandbox.status import MODIFIED, bad_request, conflict, invalid, invalid_value


def check_address(submitted: Object, namespace: str, name: str) -> None:
    """Hold the metadata of a new state against the path that it was sent to.

    Raises StatusError (400) when it is another object's.
    """
    if submitted.get("name", "") != name:
        raise bad_request(
            f"the name of the object ({submitted.get('name', '')}) does not match the name on"
            f" the URL ({name})"
        )
    if submitted.get("namespace", namespace) != namespace:
        raise bad_request(
            f"the namespace of the object ({submitted['namespace']}) does not match the"
            f" namespace on the request ({namespace})"
        )


def check_present(kind: Kind, submitted: Object, present: Object) -> None:
    """Hold the metadata of a new state against what is there.

    Raises StatusError (409) on another resource version or uid.
    """
    name = present["name"]
    version = submitted.get("resourceVersion")
    if version and version != present["resourceVersion"]:
        raise conflict(kind, name, MODIFIED)
    if submitted.get("uid") and submitted["uid"] != present["uid"]:
        raise conflict(
            kind,
            name,
            f"Precondition failed: UID in precondition: {submitted['uid']}, UID in object"
            f" meta: {present['uid']}",
        )


def check_patched(kind: Kind, patched: Object, present: Object) -> None:
    """Refuse a patch that would make another object of an object.

    Raises StatusError (422).
    """
    uid = (patched.get("metadata") or {}).get("uid")
    if uid is not None and uid != present["metadata"]["uid"]:
        name = present["metadata"]["name"]
        raise invalid(kind, name, [invalid_value("metadata.uid", uid, "field is immutable")])
