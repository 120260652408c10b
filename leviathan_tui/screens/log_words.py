"""What the title of a log view says: whose logs, which part, through what, and how far it is."""

from leviathan_tui.actions.places import Place
from leviathan_tui.backend.logs.lens import Lens
from leviathan_tui.backend.logs.reader import Reader
from leviathan_tui.widgets.log_view import LogView
from leviathan_tui.widgets.text import plural


def title_of(place: Place, reader: Reader, cursor: int) -> str:
    """Return what is shown; `cursor` is the number of the line under it."""
    progress = reader.progress
    name = "logs" if place.about is None else place.about.name
    if place.others:
        name += f" and {len(place.others)} more"
    parts = [f"Logs of {name}", plural(progress.pods, "pod")]
    if progress.left_out:
        parts.append(f"{progress.left_out} left out")
    parts.append(reader.log_range.words)
    if reader.level:
        parts.append(f"≥ {reader.level.name.lower()}")
    if reader.filter:
        found = f"{len(reader.lens):,}" + ("" if reader.lens.is_complete else "…")
        parts.append(f"filter {reader.filter}: {found}")
    if reader.hits is not None:
        parts.insert(1, f"/{reader.needle}: {_place_in(reader.hits, cursor)}")
    parts.append(f"{len(reader.ring):,} lines")
    if progress.dropped:
        parts.append(f"{progress.dropped:,} dropped")
    return " · ".join(parts)


def _place_in(hits: Lens, cursor: int) -> str:
    """Return which of the hits is under the cursor, where one is, and how many there are."""
    count = f"{hits.hits:,}" + ("" if hits.is_complete else "…")
    position = hits.index(cursor)
    if position < len(hits) and hits[position] == cursor:
        return f"{position + 1:,} of {count}"
    return count


def state_of(reader: Reader, view: LogView) -> str:
    """Return whether lines come, and how fast, or how many wait for the reader."""
    progress = reader.progress
    if not view.following:
        waiting = view.waiting
        return f"⏸ {waiting:,} new" if waiting else "⏸ paused"
    if not progress.settled:
        return "◔ reading"
    if progress.over or not reader.log_range.follows:
        return "■ all read"
    rate = reader.rate()
    return f"● {rate:,.0f}/s" if rate >= 0.5 else "● live"


def note_of(reader: Reader, any_pods: bool) -> str:
    """Return what stands in place of lines where there are none."""
    if not any_pods:
        return reader.selection.why_none()
    if not reader.progress.settled:
        return "Reading …"
    return "No line has it." if len(reader.ring) else "There are no lines."
