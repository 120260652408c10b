"""What goes over the wire: the JSON bodies of requests and answers, with their limits."""

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from authserver.passwords import LONGEST

Name: TypeAlias = Annotated[str, Meta(max_length=256)]
Password: TypeAlias = Annotated[str, Meta(max_length=LONGEST)]
Code: TypeAlias = Annotated[str, Meta(max_length=16)]
Token: TypeAlias = Annotated[str, Meta(max_length=8192)]
Label: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64)]


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A body that we accept: these keys with these types, and no others."""


class LoginRequest(Request, frozen=True):
    """`audience` is the cluster or service that the access token is for."""

    username: Name
    password: Password
    audience: Name
    totp: Code | None = None


class RefreshRequest(Request, frozen=True):
    """Without an audience the new token is for the same one as the login's."""

    refresh_token: Token
    audience: Name | None = None


class LogoutRequest(Request, frozen=True):
    """Ends the session that this refresh token belongs to."""

    refresh_token: Token


class SetupRequest(Request, frozen=True):
    """Creates the first user with the code that the first start printed."""

    code: Name
    username: Name
    password: Password


class VerifyRequest(Request, frozen=True):
    """Asks whether a token is good, for one audience if given (RFC 7662 §2.1)."""

    token: Annotated[str, Meta(max_length=65536)]
    audience: Name | None = None
    token_type_hint: Name | None = None


class PasswordRequest(Request, frozen=True):
    """Sets a new password, which ends every session and, unless they are kept, every API key."""

    current_password: Password
    new_password: Password
    keep_api_keys: bool = False


class PasswordProof(Request, frozen=True):
    """The password again, before something that outlives the token."""

    password: Password


class ConfirmRequest(Request, frozen=True):
    """A code from the app that was just set up."""

    code: Code


class DisableTotpRequest(Request, frozen=True):
    """The password and a code, before the second factor goes."""

    password: Password
    code: Code


class ApiKeyRequest(Request, frozen=True):
    """Without groups the key has all that its user has now; `expires_in` is in seconds."""

    password: Password
    label: Label
    audiences: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=64)]
    groups: Annotated[tuple[Name, ...], Meta(max_length=64)] | None = None
    expires_in: Annotated[int, Meta(ge=60, le=366 * 86400)] | None = None
    introspect: bool = False


class TokenRequest(Request, frozen=True):
    """Exchanges an API key for an access token."""

    api_key: Name
    audience: Name


EntryId: TypeAlias = Annotated[str, Meta(pattern=r"\A[0-9A-Za-z-]{26,36}\Z")]
Text: TypeAlias = Annotated[str, Meta(max_length=253)]
Message: TypeAlias = Annotated[str, Meta(max_length=4096)]
Seconds: TypeAlias = Annotated[float, Meta(ge=0, le=1e9)]
Outcome: TypeAlias = Literal["pending", "done", "refused", "failed", "unknown"]


class JournalRequest(Request, frozen=True, kw_only=True):
    """An entry of the journal, before its change is made, or afterwards where it is `merged`.

    `at` and `duration` are in seconds, by the client's clock. Who it was, with which token and when
    it got here is the server's to say: what a client sends of that is not looked at.
    """

    id: EntryId
    at: Annotated[float, Meta(ge=0, le=1e11)]
    cluster: Text
    context: Text
    group: Text
    kind: Text
    namespace: Text
    name: Text
    uid: Text
    verb: Annotated[str, Meta(min_length=1, max_length=64)]
    summary: Annotated[str, Meta(max_length=1024)]
    undo_of: Annotated[str, Meta(pattern=r"\A([0-9A-Za-z-]{26,36})?\Z")] = ""
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    plan: dict[str, Any] | None = None
    outcome: Outcome = "pending"
    message: Message = ""
    duration: Seconds | None = None
    merged: bool = False
    actor: Any = None
    token_id: Any = None
    session: Any = None
    received: Any = None
    sequence: Any = None


class OutcomeRequest(Request, frozen=True, kw_only=True):
    """What became of a change; `after` is the object's state then, `duration` in seconds."""

    outcome: Literal["done", "refused", "failed", "unknown"]
    message: Message = ""
    after: dict[str, Any] | None = None
    duration: Seconds | None = None


class JournalQuery(Request, frozen=True, kw_only=True):
    """Which entries: those written after the cursor `after`, else the newest before `before`."""

    cluster: Text | None = None
    after: Annotated[int, Meta(ge=0, lt=2**53)] | None = None
    before: Annotated[int, Meta(ge=0, lt=2**53)] | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 100


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A body that we send. Keys that do not apply are left out."""


class ErrorAnswer(Answer, frozen=True):
    """`error` is for programs, `message` for people, `retry_after` in seconds as in the header."""

    error: str
    message: str
    retry_after: int | None = None


class AccessAnswer(Answer, frozen=True):
    """An access token. `server_time` and `expires_at` are in seconds since the epoch."""

    access_token: str
    token_type: str
    expires_in: int
    expires_at: int
    server_time: int
    audience: str
    username: str
    groups: tuple[str, ...]


class SessionAnswer(AccessAnswer, frozen=True, kw_only=True):
    """An access token with what keeps the session alive, and the person's snapshot key."""

    refresh_token: str
    refresh_expires_at: int
    session_id: str
    snapshot_key: str


class IntrospectionAnswer(Answer, frozen=True):
    """RFC 7662 §2.2. An inactive token has no other key than `active`."""

    active: bool
    iss: str | None = None
    aud: str | None = None
    sub: str | None = None
    username: str | None = None
    groups: tuple[str, ...] | None = None
    iat: int | None = None
    nbf: int | None = None
    exp: int | None = None
    jti: str | None = None
    token_type: str | None = None


class MeAnswer(Answer, frozen=True):
    """Who the token says one is, and what one may ask for."""

    username: str
    groups: tuple[str, ...]
    audience: str
    audiences: tuple[str, ...]
    expires_at: int
    server_time: int
    totp_enabled: bool
    session_id: str | None = None


class SessionEntry(Answer, frozen=True):
    """A session as its owner sees it. Times are in seconds since the epoch."""

    id: str
    created: int
    last_used: int
    expires: int
    audience: str
    address: str
    client: str
    methods: tuple[str, ...]
    current: bool


class SessionsAnswer(Answer, frozen=True):
    """The sessions of the token's user."""

    sessions: tuple[SessionEntry, ...]


class TotpAnswer(Answer, frozen=True):
    """What an authenticator app needs; shown once."""

    secret: str
    uri: str


class ApiKeyEntry(Answer, frozen=True):
    """An API key without its secret."""

    id: str
    label: str
    audiences: tuple[str, ...]
    groups: tuple[str, ...]
    created: int
    expires: int | None = None
    introspect: bool = False


class NewApiKeyAnswer(Answer, frozen=True):
    """The key itself, shown this once, and its entry."""

    api_key: str
    entry: ApiKeyEntry


class ApiKeysAnswer(Answer, frozen=True):
    """The API keys of the token's user."""

    api_keys: tuple[ApiKeyEntry, ...]


class UserAnswer(Answer, frozen=True):
    """A user that was created."""

    username: str
    groups: tuple[str, ...]


class StatusAnswer(Answer, frozen=True):
    """`ok`: the process answers."""

    status: str


class ReadyAnswer(StatusAnswer, frozen=True):
    """Each store by its name, `ok` or `unavailable`."""

    stores: dict[str, str]


class NotReadyAnswer(ErrorAnswer, frozen=True, kw_only=True):
    """A refusal, with each store by its name, `ok` or `unavailable`."""

    stores: dict[str, str]


class JournalEntry(Answer, frozen=True, kw_only=True):
    """An entry as somebody may see it; `received` is the server's time, `session` that of the token.

    `before`, `after` and `plan` are null for those who may not see them.
    """

    id: str
    sequence: int
    actor: str
    token_id: str
    session: str | None
    received: float
    at: float
    cluster: str
    context: str
    group: str
    kind: str
    namespace: str
    name: str
    uid: str
    verb: str
    summary: str
    undo_of: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    plan: dict[str, Any] | None
    outcome: str
    message: str
    duration: float | None
    merged: bool


class WrittenAnswer(Answer, frozen=True):
    """That an entry is kept, and what the server has put into it."""

    id: str
    actor: str
    token_id: str
    received: float
    outcome: str


class JournalAnswer(Answer, frozen=True):
    """Entries, the one written last at the end; `cursor` is what to ask for next as `after`."""

    entries: tuple[JournalEntry, ...]
    cursor: int
