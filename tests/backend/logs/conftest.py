"""The node that this folder's tests follow, and the clusters on which pods are found."""

from collections.abc import Iterator

import pytest

from tests.backend.changes.conftest import bench, busy_sandbox, faulty
from tests.backend.logs.node import Node

__all__ = ["bench", "busy_sandbox", "faulty"]


@pytest.fixture
def node() -> Iterator[Node]:
    """A node without pods."""
    made = Node()
    yield made
    made.close()
