"""Numbers and times as short words for narrow columns."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from os.path import commonprefix
from typing import Final

from rich.cells import cell_len


def width_of(text: str) -> int:
    """Return how many terminal cells a text takes."""
    return len(text) if text.isascii() else _cells(text)


@lru_cache(maxsize=4096)
def _cells(text: str) -> int:
    return cell_len(text)


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Return the text exactly `width` cells wide, cut with an ellipsis or filled with spaces."""
    size = width_of(text)
    if size > width:
        if width <= 0:
            return ""
        if text.isascii():
            text = text[: width - 1] + "…"
        else:
            while text and width_of(text) > width - 1:
                text = text[:-1]
            text += "…"
        size = width_of(text)
    gap = " " * (width - size)
    return gap + text if right else text + gap


def fit_middle(text: str, width: int) -> str:
    """Return the text exactly `width` cells wide, cut in the middle or filled with spaces.

    Names of one place begin alike and differ at their end.
    """
    if width_of(text) <= width or width < 3:
        return fit(text, width)
    tail = (width - 1) // 2
    end = text[-tail:]
    while width_of(end) > tail:
        end = end[1:]
    return fit(fit(text, width - width_of(end)) + end, width)


@lru_cache(maxsize=256)
def apart(names: frozenset[str], width: int) -> Mapping[str, str]:
    """Return each name exactly `width` cells wide, and no two alike that differ where numbers fit.

    A name that is too long is cut in the middle; where that makes some alike, these keep what is
    behind the beginning that they share.
    """
    wanted = sorted(names)
    shown = {name: fit_middle(name, width) for name in wanted}
    _tell_apart(_alike(wanted, shown), shown, width)
    taken = {text.rstrip() for text in shown.values()}
    for group in _alike(wanted, shown):
        # Too narrow for words: at least it is seen that these are several.
        number = 1
        for name in group[1:]:
            while shown[name].rstrip() in taken:
                number += 1
                mark = f"~{number}"
                if width <= len(mark):
                    break
                shown[name] = fit(name, width - len(mark)) + mark
            taken.add(shown[name].rstrip())
    return shown


def _alike(names: Iterable[str], shown: Mapping[str, str]) -> list[list[str]]:
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(shown[name], []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def _tell_apart(groups: list[list[str]], shown: dict[str, str], width: int) -> None:
    for group in groups:
        shared = len(commonprefix(group))  # noqa: RUF071 - letters are meant, these are no paths
        head = fit(group[0], min(shared, width // 3)).rstrip("…")
        room = width - width_of(head) - 1
        for name in group:
            # Two letters of what they share tell where in the name this is.
            shown[name] = fit(f"{head}…{fit_end(name[max(0, shared - 2) :], room)}", width)
        left = [one for one in _alike(group, shown) if len(one) < len(group)]
        _tell_apart(left, shown, width)


def fit_end(text: str, width: int) -> str:
    """Return the text, cut with an ellipsis where it is wider than `width` cells."""
    return text if width_of(text) <= width else fit(text, width)


_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "m"))


def age(seconds: float) -> str:
    """Return a length of time in one unit: `42s`, `12m`, `6h`, `21d`; never negative.

    One unit only, so that a row's age rarely changes and an idle screen sends nothing.
    """
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole // 10 * 10}s" if whole >= 10 else "now"
    if whole < 7_200:
        return f"{whole // 60}m"
    if whole < 172_800:
        return f"{whole // 3_600}h"
    return f"{whole // 86_400}d"


def span(seconds: float) -> str:
    """Return a length of time to the second: `8s`, `2m5s`, `1h20m`, `3d4h`."""
    left = max(0, int(seconds))
    parts: list[str] = []
    for size, letter in (*_UNITS, (1, "s")):
        count, left = divmod(left, size)
        if count or (letter == "s" and not parts):
            parts.append(f"{count}{letter}")
    return "".join(parts[:2])


def cores(millicores: int) -> str:
    """Return a use of processors: `12m`, `1.5`; a dash where nothing is measured."""
    if millicores < 0:
        return "–"
    if millicores < 1000:
        return f"{millicores}m"
    return f"{millicores / 1000:.1f}"


def size(count: int) -> str:
    """Return a number of bytes: `80M`, `1.4G` (powers of 1024); a dash where nothing is measured."""
    if count < 0:
        return "–"
    number = float(count)
    for unit in ("B", "K", "M", "G", "T"):
        if number < 1024 or unit == "T":
            return f"{number:.0f}{unit}" if number >= 10 or unit == "B" else f"{number:.1f}{unit}"
        number /= 1024
    raise AssertionError  # the loop returns at its last unit


def plural(count: int, one: str, many: str = "") -> str:
    """Return a count with its noun: `1 app`, `2 apps`."""
    return f"{count} {one if count == 1 else many or one + 's'}"
