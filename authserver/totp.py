"""Time-based one-time passwords (RFC 6238): six digits, thirty seconds, SHA-1, as every app has."""

import base64
import hmac
import re
import secrets
from typing import Final
from urllib.parse import quote, urlencode

PERIOD: Final = 30
DIGITS: Final = 6
SECRET_BYTES: Final = 20
"""RFC 4226 §4 (R6) recommends 160 bits."""
WINDOW: Final = 1
"""Steps before and after the present one that are accepted for clocks that differ."""

_CODE: Final = re.compile(r"[0-9]{6}", re.ASCII)


def new_secret() -> bytes:
    """Return a random secret."""
    return secrets.token_bytes(SECRET_BYTES)


def code(secret: bytes, step: int) -> str:
    """Return the code of a time step (RFC 4226 §5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    start = digest[-1] & 0x0F
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


def matching_step(secret: bytes, entered: str, now: float) -> int | None:
    """Return the time step whose code was entered, or None. Each step may be used only once."""
    text = entered.replace(" ", "")
    if not _CODE.fullmatch(text):
        return None
    present = int(now) // PERIOD
    found = None
    for step in range(present - WINDOW, present + WINDOW + 1):
        # Each step is compared, so that the time taken does not tell which one was near.
        if hmac.compare_digest(code(secret, step), text):
            found = step
    return found


def uri(secret: bytes, user: str, issuer: str) -> str:
    """Return the `otpauth://` address that an authenticator app reads from a QR code."""
    parameters = urlencode(
        {"secret": base32(secret), "issuer": issuer, "digits": DIGITS, "period": PERIOD},
        quote_via=quote,
    )
    return f"otpauth://totp/{quote(issuer, safe='')}:{quote(user, safe='')}?{parameters}"


def base32(secret: bytes) -> str:
    """Return the spelling that people type into their app."""
    return base64.b32encode(secret).rstrip(b"=").decode()
