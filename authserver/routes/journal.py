"""The team's journal: beginning an entry, finishing it, reading what others did.

These routes want a token for this server itself: what a token for a cluster can be made to say is
known to whoever runs that cluster.
"""

from typing import Final

from authserver.journal import LARGEST_ENTRY, Author, Journal
from authserver.routes.operation import Access, Call, Operation
from authserver.wire import (
    Answer,
    JournalAnswer,
    JournalQuery,
    JournalRequest,
    OutcomeRequest,
    WrittenAnswer,
)


def _author(call: Call) -> Author:
    return Author(call.own, call.granted, call.caller)


async def _begin(call: Call, body: JournalRequest) -> Answer:
    return await Journal(call.service).begin(_author(call), call.path["id"], body)


async def _finish(call: Call, body: OutcomeRequest) -> Answer:
    return await Journal(call.service).finish(_author(call), call.path["id"], body)


async def _read(call: Call, _body: None) -> Answer:
    query = call.query if isinstance(call.query, JournalQuery) else JournalQuery()
    return await Journal(call.service).read(_author(call), query)


OPERATIONS: Final = (
    Operation(
        "PUT",
        "/journal/{id}",
        "Begin an entry before its change is sent; the same one again changes nothing.",
        _begin,
        JournalRequest,
        WrittenAnswer,
        access=Access.OWN_TOKEN,
        largest=LARGEST_ENTRY,
    ),
    Operation(
        "POST",
        "/journal/{id}/outcome",
        "Say what became of an entry of yours.",
        _finish,
        OutcomeRequest,
        WrittenAnswer,
        access=Access.OWN_TOKEN,
        largest=LARGEST_ENTRY,
    ),
    Operation(
        "GET",
        "/journal",
        "Read the newest entries, or follow from a cursor.",
        _read,
        answer=JournalAnswer,
        access=Access.OWN_TOKEN,
        query=JournalQuery,
    ),
)
