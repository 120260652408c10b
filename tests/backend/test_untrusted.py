"""ATTACKS 44: nothing that a terminal acts on survives cleaning."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leviathan_tui.backend.untrusted import clean, clean_block


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[31mred", "␛[31mred"),
        ("\x1b]52;c;aGk=\x07", "␛]52;c;aGk=␇"),
        ("\x9b31m", "\ufffd31m"),
        ("a\rb", "a␍b"),
        ("\x00", "␀"),
        ("a\tb\nc", "a b c"),
        ("safe\u202eevil", "safe\ufffdevil"),
        ("zero\u200bwidth", "zero\ufffdwidth"),
        ("\x7f", "␡"),
        ("\ud800", "\ufffd"),
        ("[/foo] [@click=app.quit]x", "[/foo] [@click=app.quit]x"),
        ("naïve – ✓ 日本", "naïve – ✓ 日本"),
    ],
)
def test_hostile_text_becomes_visible(hostile: str, shown: str) -> None:
    assert clean(hostile) == shown


@given(st.text(alphabet=st.characters(codec=None)))
def test_no_control_character_survives(text: str) -> None:
    for letter in clean(text):
        assert unicodedata.category(letter) not in ("Cc", "Cs")
        assert (
            letter
            not in "\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
        )


def test_long_text_is_cut_with_an_ellipsis() -> None:
    assert clean("x" * 5000) == "x" * 4095 + "…"
    assert clean("abcdef", 4) == "abc…"


def test_a_block_keeps_its_lines_and_cleans_each() -> None:
    assert clean_block("a: 1\r\n\tb: \x1b[2J\n") == "a: 1\n  b: ␛[2J\n"
