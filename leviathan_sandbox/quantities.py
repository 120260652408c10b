"""Kubernetes quantities (`250m`, `64Mi`) as numbers.

Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

import re
from fractions import Fraction
from typing import Final

_SUFFIXES: Final = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "": Fraction(1),
    "k": Fraction(10**3),
    "M": Fraction(10**6),
    "G": Fraction(10**9),
    "T": Fraction(10**12),
    "P": Fraction(10**15),
    "E": Fraction(10**18),
    "Ki": Fraction(2**10),
    "Mi": Fraction(2**20),
    "Gi": Fraction(2**30),
    "Ti": Fraction(2**40),
    "Pi": Fraction(2**50),
    "Ei": Fraction(2**60),
}
_QUANTITY: Final = re.compile(
    r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))([eE][+-]?\d+|[numkMGTPE]|[KMGTPE]i)?\Z", re.ASCII
)


def parse(text: str | int | float) -> Fraction:
    """Return a quantity in its base unit: cores, bytes or pieces.

    Raises ValueError when `text` is no quantity.
    """
    match = _QUANTITY.match(str(text))
    if match is None:
        raise ValueError(f"not a quantity: {text!r}")
    number, suffix = match[1], match[2] or ""
    if suffix[:1] in ("e", "E") and len(suffix) > 1:
        return Fraction(number) * Fraction(10) ** int(suffix[1:])
    return Fraction(number) * _SUFFIXES[suffix]


def milli(text: str | int | float) -> int:
    """Return a quantity in thousandths of its base unit, rounded up."""
    value = parse(text) * 1000
    return -(-value.numerator // value.denominator)


def whole(text: str | int | float) -> int:
    """Return a quantity in its base unit, rounded up."""
    value = parse(text)
    return -(-value.numerator // value.denominator)
