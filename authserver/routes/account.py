"""The account of the token's user: who one is, the password and the second factor."""

from typing import Final

from authserver import apikeys, people, secondfactor
from authserver.routes.operation import NO_CONTENT, Access, Call, Operation
from authserver.wire import (
    Answer,
    ConfirmRequest,
    DisableTotpRequest,
    MeAnswer,
    PasswordProof,
    PasswordRequest,
    TotpAnswer,
)


async def _me(call: Call, _body: None) -> Answer:
    claims = call.granted
    return MeAnswer(
        username=claims.sub,
        groups=claims.groups,
        audience=claims.aud,
        audiences=tuple(call.service.settings.audiences_for(call.own.groups)),
        expires_at=claims.exp,
        server_time=call.service.now,
        totp_enabled=call.own.totp is not None,
        session_id=claims.sid,
    )


async def _password(call: Call, body: PasswordRequest) -> None:
    await people.change_password(
        call.service, call.own, body.current_password, body.new_password, call.caller
    )
    if not body.keep_api_keys:
        # Whoever knew the old password may have made keys with it.
        name = call.own.name
        await apikeys.revoke_all(
            call.service, name, call.caller, actor=name, reason="password-change"
        )


async def _enrol(call: Call, body: PasswordProof) -> Answer:
    return await secondfactor.enrol(call.service, call.own, body.password, call.caller)


async def _confirm(call: Call, body: ConfirmRequest) -> None:
    await secondfactor.confirm(call.service, call.own, body.code, call.caller)


async def _disable(call: Call, body: DisableTotpRequest) -> None:
    await secondfactor.disable(call.service, call.own, body.password, body.code, call.caller)


OPERATIONS: Final = (
    Operation(
        "GET",
        "/me",
        "Say who the token is, and which audiences its user may ask for.",
        _me,
        answer=MeAnswer,
        access=Access.ANY_TOKEN,
    ),
    Operation(
        "POST",
        "/password",
        "Set a new password; every session and API key ends.",
        _password,
        PasswordRequest,
        status=NO_CONTENT,
        access=Access.OWN_TOKEN,
    ),
    Operation(
        "POST",
        "/totp/enrol",
        "Begin to set up a second factor.",
        _enrol,
        PasswordProof,
        TotpAnswer,
        access=Access.OWN_TOKEN,
    ),
    Operation(
        "POST",
        "/totp/confirm",
        "Confirm the second factor with its first code.",
        _confirm,
        ConfirmRequest,
        status=NO_CONTENT,
        access=Access.OWN_TOKEN,
    ),
    Operation(
        "POST",
        "/totp/disable",
        "Remove the second factor.",
        _disable,
        DisableTotpRequest,
        status=NO_CONTENT,
        access=Access.OWN_TOKEN,
    ),
)
