"""What YAML's scalars mean to kubectl, whose reader is Go's and keeps to much of YAML 1.1.

`no` is a boolean to it, `010` is eight and `1e3` a thousand, where other readers see texts. All of
this was measured with kubectl, and a test compares the two wherever there is a kubectl.

Source: https://pkg.go.dev/sigs.k8s.io/yaml, which kubectl reads manifests with
"""

import base64
import binascii
import re
from typing import Final

Scalar = str | int | float | bool | None

_WORDS: Final[dict[str, Scalar]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **{
        form: value
        for value, words in ((True, "y yes true on"), (False, "n no false off"))
        for word in words.split()
        for form in (word, word.capitalize(), word.upper())
    },
}
_NO_JSON: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_INTEGER: Final = re.compile(
    r"[-+]?(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<binary>[01]+)|0[oO]?(?P<octal>[0-7]+)"
    r"|(?P<decimal>0|[1-9][0-9]*))"
)
_BASES: Final = {"hex": 16, "binary": 2, "octal": 8, "decimal": 10}
_REAL: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_LONGEST: Final = 80
"""Digits of the longest integer in any base that fits 64 bits; a longer text is never one."""

_KINDS: Final = {"bool": (bool,), "int": (int,), "float": (int, float), "null": (type(None),)}


class ScalarError(ValueError):
    """The scalar has no value in JSON; the text says why, and begins with what was written."""


def plain(text: str) -> Scalar:
    """Return what a scalar without quotes and tag means. Raises ScalarError for infinities and NaN."""
    if text in _WORDS:
        return _WORDS[text]
    if _NO_JSON.fullmatch(text):
        raise ScalarError(f"{text} is no number of JSON")
    if text[0] not in "+-.0123456789":
        return text
    bare = text.replace("_", "")
    found = _INTEGER.fullmatch(bare) if len(bare) <= _LONGEST else None
    if found is not None and found.lastgroup is not None:
        number = int(found[found.lastgroup], _BASES[found.lastgroup])
        if bare[0] == "-":
            number = -number
        if -(2**63) <= number < 2**63:
            return number
        if number < 2**64 and bare[0] not in "+-":
            return float(number)  # unsigned to Go, and a fraction to Kubernetes
    if _REAL.fullmatch(bare):
        real = float(bare)
        if real in (float("inf"), float("-inf")):
            return text
        return int(real) if real.is_integer() and abs(real) < 2**63 else real
    return text


def tagged(text: str, tag: str) -> Scalar:
    """Return what a scalar with one of YAML's own tags means, quoted or not.

    `tag` is the tag's last word, as `int` in `!!int`; for tags that say nothing of scalars, the
    scalar is a text. Raises ScalarError where text and tag do not agree.
    """
    if tag == "binary":
        try:
            return base64.b64decode("".join(text.split()), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise ScalarError("!!binary is no base64 of a text") from error
    if tag not in _KINDS:
        return text
    value = plain(text)
    written_real = tag == "int" and not _INTEGER.fullmatch(text.replace("_", ""))
    if type(value) not in _KINDS[tag] or written_real:
        raise ScalarError(f"{text} is no !!{tag}")
    return value


def key(value: Scalar, text: str) -> str:
    """Return the JSON key that a key of this value becomes. `text` is how it was written.

    Raises ScalarError for what cannot be one, and for fractions: kubectl makes keys of them that
    nobody has written.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if (
        isinstance(value, int)
        and -(2**63) <= value < 2**63
        and _INTEGER.fullmatch(text.replace("_", ""))
    ):
        return str(value)
    raise ScalarError(f"the key {text or '(none)'} is no text; quote it")


def is_text(text: str) -> bool:
    """Whether a scalar without quotes is read as this very text."""
    try:
        return plain(text) == text
    except ScalarError:
        return False
