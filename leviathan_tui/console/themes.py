"""The dark and the light theme; without colour the glyphs and words say the same."""

from typing import Final

from textual.theme import Theme

DARK: Final = Theme(
    name="leviathan-dark",
    primary="#5fafd7",
    secondary="#87afd7",
    accent="#5fd7d7",
    success="#5faf5f",
    warning="#d7af5f",
    error="#ff5f5f",
    foreground="#d0d0d0",
    background="#121212",
    surface="#121212",
    panel="#262626",
    dark=True,
)
LIGHT: Final = Theme(
    name="leviathan-light",
    primary="#005f87",
    secondary="#005f87",
    accent="#00666b",
    success="#006400",
    warning="#875f00",
    error="#af0000",
    foreground="#1c1c1c",
    background="#f8f8f8",
    surface="#f8f8f8",
    panel="#e4e4e4",
    dark=False,
)
"""Both keep to colours that the 256-colour palette has: over SSH that is what most terminals get."""
