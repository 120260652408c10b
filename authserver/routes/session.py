"""Logging in, refreshing, logging out, and the sessions of the token's user."""

from typing import Final

from authserver import logins, people, sessions
from authserver.routes.operation import NO_CONTENT, Access, Call, Operation
from authserver.wire import (
    Answer,
    LoginRequest,
    LogoutRequest,
    RefreshRequest,
    SessionAnswer,
    SessionsAnswer,
    SetupRequest,
    UserAnswer,
)


async def _log_in(call: Call, body: LoginRequest) -> Answer:
    return await logins.log_in(call.service, body, call.caller)


async def _refresh(call: Call, body: RefreshRequest) -> Answer:
    return await sessions.refresh_session(
        call.service, body.refresh_token, body.audience, call.caller
    )


async def _log_out(call: Call, body: LogoutRequest) -> None:
    await sessions.log_out(call.service, body.refresh_token, call.caller)


async def _set_up(call: Call, body: SetupRequest) -> Answer:
    user = await people.set_up(call.service, body.code, body.username, body.password, call.caller)
    return UserAnswer(user.name, user.groups)


async def _list(call: Call, _body: None) -> Answer:
    found = await sessions.current_sessions(call.service, call.own.name)
    return SessionsAnswer(tuple(sessions.entry(session, call.granted.sid) for session in found))


async def _end(call: Call, _body: None) -> None:
    await sessions.end_own(call.service, call.own, call.path["id"], call.caller)


OPERATIONS: Final = (
    Operation(
        "POST",
        "/login",
        "Log in with a name, a password and a code where one is set up.",
        _log_in,
        LoginRequest,
        SessionAnswer,
    ),
    Operation(
        "POST",
        "/refresh",
        "Exchange a refresh token for its successor and a new access token.",
        _refresh,
        RefreshRequest,
        SessionAnswer,
    ),
    Operation(
        "POST",
        "/logout",
        "End the session of a refresh token.",
        _log_out,
        LogoutRequest,
        status=NO_CONTENT,
    ),
    Operation(
        "POST",
        "/setup",
        "Create the first user with the code that the first start printed.",
        _set_up,
        SetupRequest,
        UserAnswer,
        status=201,
    ),
    Operation(
        "GET",
        "/sessions",
        "List your sessions.",
        _list,
        answer=SessionsAnswer,
        access=Access.OWN_TOKEN,
    ),
    Operation(
        "DELETE",
        "/sessions/{id}",
        "End one of your sessions.",
        _end,
        status=NO_CONTENT,
        access=Access.OWN_TOKEN,
    ),
)
