"""The node that this folder's tests follow."""

from collections.abc import Iterator

import pytest

from tests.backend.logs.node import Node


@pytest.fixture
def node() -> Iterator[Node]:
    """A node without pods."""
    made = Node()
    yield made
    made.close()
