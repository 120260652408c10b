"""What programs call: API keys, their exchange for tokens, and introspection."""

from typing import Final

from authserver import apikeys, sessions
from authserver.errors import Unauthorized
from authserver.routes.operation import NO_CONTENT, Access, Call, Operation
from authserver.tokens import TokenError
from authserver.wire import (
    AccessAnswer,
    Answer,
    ApiKeyRequest,
    ApiKeysAnswer,
    IntrospectionAnswer,
    NewApiKeyAnswer,
    TokenRequest,
    VerifyRequest,
)


async def _create(call: Call, body: ApiKeyRequest) -> Answer:
    return await apikeys.create(call.service, call.own, body, call.caller)


async def _list(call: Call, _body: None) -> Answer:
    found = await call.service.stores.users.api_keys(call.own.name)
    return ApiKeysAnswer(tuple(map(apikeys.entry, found)))


async def _revoke(call: Call, _body: None) -> None:
    await apikeys.revoke(call.service, call.own, call.path["id"], call.caller)


async def _exchange(call: Call, body: TokenRequest) -> Answer:
    return await apikeys.exchange(call.service, body.api_key, body.audience, call.caller)


async def _verify(call: Call, body: VerifyRequest) -> Answer:
    service = call.service
    try:
        claims = service.verifier.verify(body.token, audience=body.audience)
        # Unlike a verification with keys alone, this one knows that a session has ended.
        await sessions.living_user(service, claims)
    except (TokenError, Unauthorized) as error:
        reason = error.reason if isinstance(error, Unauthorized) else str(error)
        # Whoever asks is known; whoever sent the token has proved nothing.
        service.refuse("verify", call.caller, actor=call.own.name, reason=reason)
        return IntrospectionAnswer(active=False)
    return IntrospectionAnswer(
        active=True,
        iss=claims.iss,
        aud=claims.aud,
        sub=claims.sub,
        username=claims.sub,
        groups=claims.groups,
        iat=claims.iat,
        nbf=claims.nbf,
        exp=claims.exp,
        jti=claims.jti,
        token_type="Bearer",  # noqa: S106 - RFC 6750's name of the scheme
    )


OPERATIONS: Final = (
    Operation(
        "POST",
        "/api-keys",
        "Make an API key; the answer shows it this once.",
        _create,
        ApiKeyRequest,
        NewApiKeyAnswer,
        status=201,
        access=Access.OWN_TOKEN,
    ),
    Operation(
        "GET",
        "/api-keys",
        "List your API keys.",
        _list,
        answer=ApiKeysAnswer,
        access=Access.OWN_TOKEN,
    ),
    Operation(
        "DELETE",
        "/api-keys/{id}",
        "Revoke an API key.",
        _revoke,
        status=NO_CONTENT,
        access=Access.OWN_TOKEN,
    ),
    Operation(
        "POST",
        "/token",
        "Exchange an API key for an access token.",
        _exchange,
        TokenRequest,
        AccessAnswer,
    ),
    Operation(
        "POST",
        "/verify",
        "Say whether a token is active (RFC 7662).",
        _verify,
        VerifyRequest,
        IntrospectionAnswer,
        access=Access.INTROSPECTION,
        form=True,
    ),
)
