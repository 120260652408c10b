"""Objects written as YAML that kubectl, other readers and our own read back as the same objects."""

import re
from typing import Any, Final

import msgspec
import yaml

from leviathan_tui.backend.kube import scalars
from leviathan_tui.backend.untrusted import clean_block

_Dumper: Final[type[yaml.SafeDumper]] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _OtherThanText:
    """Matches, in place of a regular expression, what would not be read as a text without quotes."""

    @staticmethod
    def match(text: str) -> bool:
        """Whether a scalar needs quotes to be a text."""
        return not scalars.is_text(text)


class _ObjectDumper(_Dumper):  # type: ignore[misc, valid-type]
    """Quotes every text that some reader takes for a number, a boolean, a date or nothing."""


_NO_BLOCK: Final = re.compile(r"\A\s|[ \t](\n|\Z)")
"""What a block would lose or show to nobody: spaces before everything and at a line's end."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None
    if "\n" in text:
        style = '"' if _NO_BLOCK.search(text) else "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_ObjectDumper.add_representer(str, _text)
# Beside PyYAML's own patterns, which are tried first: 1.1's dates, sexagesimals and booleans.
_ObjectDumper.add_implicit_resolver("!other-than-text", _OtherThanText, None)


def dump(document: Any) -> str:
    """Return an object as YAML with no character in it that a terminal could act on.

    What must not reach a terminal is escaped inside of quotes, not replaced: the text means the same.
    """
    # A copy in which nothing is shared: the same labels in two places are no alias.
    copied = msgspec.json.decode(msgspec.json.encode(document))
    text = _dumped(copied, allow_unicode=True)
    return text if clean_block(text, len(text)) == text else _dumped(copied, allow_unicode=False)


def _dumped(document: Any, *, allow_unicode: bool) -> str:
    return str(
        yaml.dump(
            document,
            Dumper=_ObjectDumper,
            sort_keys=False,
            allow_unicode=allow_unicode,
            default_flow_style=False,
            width=4096,
        )
    )
