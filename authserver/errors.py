"""Every refusal of the HTTP interface: a status, a code for programs and a sentence for people."""

import math
from typing import Final


class ApiError(Exception):
    """An answer other than success. `retry_after` is in seconds."""

    def __init__(
        self, status: int, code: str, message: str, *, retry_after: float | None = None
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = None if retry_after is None else max(1, math.ceil(retry_after))


class Unauthorized(ApiError):
    """The one answer to every token that is not accepted; `reason` is for the audit log only."""

    def __init__(self, reason: str) -> None:
        super().__init__(401, "invalid_token", "The token is not accepted.")
        self.reason: Final = reason


def bad_request(message: str) -> ApiError:
    """The request cannot be understood."""
    return ApiError(400, "bad_request", message)


def invalid_credentials() -> ApiError:
    """The one answer to an unknown user, a disabled user, a wrong password and a wrong code."""
    return ApiError(401, "invalid_credentials", "The name, the password or the code is wrong.")


def too_many_attempts(seconds: float) -> ApiError:
    """The sender has to wait."""
    return ApiError(
        429, "too_many_attempts", "Too many attempts. Wait and try again.", retry_after=seconds
    )


def unavailable(message: str, seconds: float = 5) -> ApiError:
    """Nothing is wrong with the request; it can be sent again."""
    return ApiError(503, "unavailable", message, retry_after=seconds)


def too_many_requests(seconds: float) -> ApiError:
    """The sender asks too often, if for nothing wrong."""
    return ApiError(
        429, "too_many_requests", "Too many requests. Wait and try again.", retry_after=seconds
    )
