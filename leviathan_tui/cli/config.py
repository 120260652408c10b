"""`leviathan config`: every setting with where it comes from, or the table of keys."""

from leviathan_tui.actions import key_table
from leviathan_tui.backend import config as configuration
from leviathan_tui.backend.config import ConfigError
from leviathan_tui.backend.snapshots.address import without_password
from leviathan_tui.startup import fail, load_keymap


def show_config(what: str) -> int:
    """Print every setting with where it comes from, or the table of keys."""
    try:
        loaded = configuration.load()
        keymap = load_keymap(loaded)
    except ConfigError as error:
        return fail(str(error))
    if what == "keys":
        print(key_table.table(), end="")  # noqa: T201 - the command's output
        return 0
    for field in loaded.config.__struct_fields__:
        value = getattr(loaded.config, field)
        if field == "snapshots":
            value = without_password(value)
        print(f"{field}: {value!r}  ({loaded.sources[field]})")  # noqa: T201 - the command's output
    print(f"keys changed: {keymap or 'none'}")  # noqa: T201 - the command's output
    return 0
