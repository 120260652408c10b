"""JSON without the leniencies that let two readers of one text see two different things.

RFC 8259 leaves duplicate keys to the reader (§4) and knows no NaN; both are refused here, in request
bodies as in tokens (RFC 8725 §2.4, RFC 7515 §4).
"""

import json
from typing import Final, NoReturn

_SURROGATE: Final = (b"\\ud", b"\\uD")


class StrictJsonError(ValueError):
    """The text is no JSON, or JSON with two meanings. The text of the error quotes no input."""


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise StrictJsonError("a key appears twice in one object")
    return found


def _constant(_text: str) -> NoReturn:
    raise StrictJsonError("NaN and Infinity are no JSON numbers")


def _float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise StrictJsonError("a number is out of range")
    return number


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_constant, parse_float=_float
)


def loads(data: bytes) -> object:
    """Return the value of a UTF-8 JSON text.

    Raises StrictJsonError for duplicate keys, NaN and infinities, nesting deeper than the parser
    goes, numbers out of range, lone surrogates and anything that is no JSON.
    """
    try:
        value: object = _DECODER.decode(data.decode("utf-8"))
        if any(mark in data for mark in _SURROGATE):
            # Half of a surrogate pair can be written in JSON but not be encoded again later.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except StrictJsonError:
        raise
    except RecursionError:
        raise StrictJsonError("the text is nested too deeply") from None
    except ValueError:  # includes UnicodeError, JSONDecodeError and too many digits
        raise StrictJsonError("the text is no JSON in UTF-8") from None
    return value
