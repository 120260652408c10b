"""Puts the roles that every cluster has, and those for the console's users, into a fleet."""

import uuid
from datetime import timedelta

from leviathan_sandbox.access.default_roles import default_roles
from leviathan_sandbox.cluster import Cluster
from leviathan_sandbox.objects import copy, timestamp


def load_roles(cluster: Cluster) -> None:
    """Keep them as if they had been there since the cluster was made."""
    created = timestamp(cluster.agenda.now().replace(microsecond=0) - timedelta(days=240))
    for kind, body in default_roles():
        obj = kind.stamp(copy(body))
        # Not drawn by lot: the fleet's own names and numbers stay what they are.
        name = f"{kind.plural}/{body['metadata']['name']}"
        uid = str(uuid.uuid5(uuid.NAMESPACE_URL, name))
        obj["metadata"] |= {"uid": uid, "creationTimestamp": created}
        cluster.storage.load(kind, obj)
