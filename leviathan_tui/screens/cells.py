"""Columns and looks that several lists have in common."""

from typing import Any, Final

from leviathan_tui.widgets.columns import Column
from leviathan_tui.widgets.table import Look
from leviathan_tui.widgets.text import age, cores, size


def _number(value: int) -> str:
    return str(value)


def name_column(width: int = 20, most: int = 48) -> Column:
    """Return the column of names, which never gives way."""
    return Column(
        "name",
        "NAME",
        lambda row, now: row.name,
        lambda row: row.name,
        width,
        most,
        key="N",
        name=True,
    )


NAMESPACE: Final = Column(
    "namespace",
    "NAMESPACE",
    lambda row, now: row.namespace,
    lambda row: row.namespace,
    9,
    22,
    yields=2,
    key="P",
    name=True,
)

AGE: Final = Column(
    "age",
    "AGE",
    lambda row, now: age(now - row.created) if row.created else "–",
    lambda row: row.created,
    4,
    yields=3,
    right=True,
    key="A",
    descending=True,
)

CPU: Final = Column(
    "cpu",
    "CPU",
    lambda row, now: cores(row.cpu),
    lambda row: row.cpu,
    5,
    yields=6,
    right=True,
    key="C",
    descending=True,
)

MEMORY: Final = Column(
    "memory",
    "MEM",
    lambda row, now: size(row.memory),
    lambda row: row.memory,
    5,
    yields=5,
    right=True,
    key="M",
    descending=True,
)


def image_column(yields: int = 4) -> Column:
    """Return the column of images."""
    return Column(
        "image",
        "IMAGE",
        lambda row, now: row.image,
        lambda row: row.image,
        10,
        32,
        yields=yields,
        key="I",
        name=True,
    )


FAILING: Final = Look("✗", "bad", "bad")
PROGRESSING: Final = Look("◔", "warn", "warn")
HEALTHY: Final = Look("●", "good", "plain")
PAUSED: Final = Look("⏸", "dim", "dim")
IDLE: Final = Look("○", "dim", "dim")
DELETING: Final = Look("⌫", "warn", "dim")
DONE: Final = Look("✓", "good", "dim")


def restarts_text(row: Any, now: float) -> str:
    """Return a count of restarts, with how long ago the last one was as kubectl does it."""
    count = row.restarts
    last = getattr(row, "restarted_at", 0)
    return f"{count} ({age(now - last)})" if count and last else _number(count)
