"""What the documentation says of the code is what the code says."""

from pathlib import Path

from leviathan_tui.actions import key_table
from leviathan_tui.backend.config import Config

DOCS = Path(__file__).parents[1] / "docs"


def test_the_key_table_is_the_commands() -> None:
    text = (DOCS / "keys.md").read_text()
    assert key_table.table() in text, "write it anew: leviathan config keys"


def test_every_setting_is_documented() -> None:
    text = (DOCS / "configuration.md").read_text()
    for field in Config.__struct_fields__:
        assert f"| `{field}` |" in text
