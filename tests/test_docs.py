"""What the documentation says of the code is what the code says."""

import re
import subprocess
from pathlib import Path

from leviathan_tui.actions import key_table
from leviathan_tui.backend.config import Config

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def test_the_key_table_is_the_actions() -> None:
    text = (DOCS / "keys.md").read_text()
    assert key_table.table() in text, "write it anew: leviathan config keys"


def test_every_setting_is_documented() -> None:
    text = (DOCS / "configuration.md").read_text()
    for field in Config.__struct_fields__:
        assert f"| `{field}` |" in text


def test_the_map_of_the_tree_is_the_tree() -> None:
    text = (DOCS / "architecture.md").read_text()
    drawn = re.findall(r"^([\w/-]+)/ {2,}\S", text, re.MULTILINE)
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    folders = {str(Path(file).parent) for file in tracked if "/" in file}
    # The tests mirror the tree, and what begins with a dot is about the repository.
    there = {one for one in folders if not one.startswith((".", "tests/"))}
    assert sorted(drawn) == sorted(there)


def test_every_module_that_the_architecture_names_is_there() -> None:
    text = (DOCS / "architecture.md").read_text()
    named = re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.py)`", text)
    assert named
    for name in named:
        found = [root for root in (ROOT, ROOT / "leviathan_tui") if (root / name).is_file()]
        assert found, name
