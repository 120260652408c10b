"""The journal that a team shares: who changed what in which cluster, and what came of it.

Entries are begun before a change is sent and finished afterwards. Who it was comes from the token.
Each entry is authenticated with a key of this server, so that nobody who can write to the store can
make one up: what is not ours is left out and audited.
"""

import hashlib
from typing import Any, Final

import msgspec

from authserver.audit import Line, moment
from authserver.config import JournalSettings
from authserver.errors import ApiError, bad_request, too_many_requests, unavailable
from authserver.serversecret import same
from authserver.service import Caller, Service
from authserver.stores import JournalRow, User
from authserver.stores.documents import decode
from authserver.tokens import Claims
from authserver.wire import (
    JournalAnswer,
    JournalEntry,
    JournalQuery,
    JournalRequest,
    OutcomeRequest,
    WrittenAnswer,
)

LARGEST_ENTRY: Final = 256 << 10
"""Bytes of one request body."""

_LARGEST_PAGE: Final = 4 << 20
"""Bytes of documents in one answer, unless a single entry has more."""
_TRIES: Final = 5
_TELL_SECONDS: Final = 60
"""Between two lines of the audit log about entries that had to go."""
_DEEPEST: Final = 64
"""Levels of an object, which leave room for the answer that it is read in."""
_FINAL: Final = ("done", "refused", "failed")
_OUTCOME: Final = ("outcome", "message", "after", "duration", "merged")
_NOT_THE_CLIENTS: Final = ("actor", "token_id", "session", "received", "sequence")
_LAST_SEQUENCE: Final = 2**53
_ENCODER: Final = msgspec.json.Encoder(order="deterministic")


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entry as it is kept. `digest` is that of what its client may not change afterwards."""

    id: str
    digest: str
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


class Author(msgspec.Struct, frozen=True):
    """Who makes a request: the user, their token, and where it comes from."""

    user: User
    claims: Claims
    caller: Caller

    def is_in(self, groups: tuple[str, ...]) -> bool:
        """Whether the token's user is a member of one of these groups now, and by the token."""
        return bool(set(groups) & set(self.user.groups) & set(self.claims.groups))


class Journal:
    """Writes and reads entries.

    Every method raises ApiError, and StoreUnavailable.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._store = service.stores.journal
        self._settings: JournalSettings = service.settings.journal

    async def begin(self, author: Author, entry_id: str, entry: JournalRequest) -> WrittenAnswer:
        """Keep an entry; the same one again changes nothing.

        Raises ApiError: 400 for an entry that makes no sense, 409 when the id belongs to another.
        """
        self._count(author)
        _check(entry_id, entry)
        record = self._record(author, entry)
        row = self._row(record)
        self._weigh(author, row)
        for _ in range(_TRIES):
            if await self._store.add(row):
                return _written(record)
            found = await self._find(entry_id, author)
            if found is None:
                continue  # it has been trimmed meanwhile
            known, _tag = found
            if (known.actor, known.digest) != (record.actor, record.digest):
                raise await self._refused(
                    "journal-begin", author, entry_id, "id is taken", _taken()
                )
            if not entry.merged or entry.outcome == "pending":
                return _written(known)
            finished = OutcomeRequest(
                outcome=entry.outcome,
                message=entry.message,
                after=entry.after,
                duration=entry.duration,
            )
            return await self._finish(author, entry_id, finished, merged=True)
        raise unavailable("The journal is being written by many. Try again.", 1)

    async def finish(self, author: Author, entry_id: str, outcome: OutcomeRequest) -> WrittenAnswer:
        """Write what became of an entry of one's own; the same outcome again changes nothing.

        Raises ApiError: 403 for another's entry, 404, 409 for an entry that has ended otherwise.
        """
        self._count(author)
        return await self._finish(author, entry_id, outcome, merged=False)

    async def _finish(
        self, author: Author, entry_id: str, outcome: OutcomeRequest, *, merged: bool
    ) -> WrittenAnswer:
        _check_values(outcome.after)
        for _ in range(_TRIES):
            found = await self._find(entry_id, author)
            if found is None:
                raise ApiError(404, "not_found", "There is no such entry.")
            known, tag = found
            if known.actor != author.claims.sub:
                error = ApiError(403, "not_yours", "The entry is somebody else's.")
                raise await self._refused("journal-outcome", author, entry_id, "another's", error)
            if known.outcome in _FINAL:
                if _same_outcome(known, outcome):
                    return _written(known)
                error = ApiError(409, "finished", "The entry has ended already, and otherwise.")
                raise await self._refused("journal-outcome", author, entry_id, "has ended", error)
            changed = msgspec.structs.replace(
                known,
                outcome=outcome.outcome,
                message=outcome.message,
                after=outcome.after,
                duration=outcome.duration,
                merged=known.merged or merged,
            )
            row = self._row(changed)
            self._weigh(author, row)
            if await self._store.replace(row, tag):
                return _written(changed)
        raise unavailable("The entry is being written by others. Try again.", 1)

    async def read(self, author: Author, query: JournalQuery) -> JournalAnswer:
        """Return a page of what the author may see of the journal."""
        self._count(author)
        if query.after is not None and query.before is not None:
            raise bad_request("after and before exclude each other.")
        if query.after is None:
            end = _LAST_SEQUENCE if query.before is None else query.before
            last = await self._store.last()
            rows = await self._store.before(end, query.limit, query.cluster)
            rows = _newest(rows)
            cursor = max([last, *(row.sequence for row in rows)])
        else:
            last = await self._store.last()
            rows = _oldest(await self._store.after(query.after, query.limit, query.cluster))
            # Behind the end there is a journal that has been begun anew: follow that one.
            cursor = rows[-1].sequence if rows else min(query.after, last)
        entries = []
        for row in rows:
            record = await self._verified(row, author)
            if record is not None and query.cluster in (None, record.cluster):
                shown = self._shown(author, record, row.sequence)
                entries += [] if shown is None else [shown]
        return JournalAnswer(tuple(entries), cursor)

    async def trim(self) -> int:
        """Delete what is older or more than the settings keep; return how many entries it were."""
        oldest = self._service.clock() - self._settings.keep_days * 86400
        total = 0
        while deleted := await self._store.trim(oldest, self._settings.keep_entries):
            total += deleted
        return total

    async def tell_trimmed(self) -> None:
        """Audit what went because the journal's share of memory was full. May raise OSError, too."""
        trimmed = await self._store.claim_trimmed(_TELL_SECONDS)
        if trimmed is None:
            return
        details = {"count": str(trimmed.count), "until": moment(trimmed.until)}
        reason = "the journal's share of memory is full"
        await self._service.audit.write(Line("journal-trim", "ok", reason=reason, details=details))
        await self._store.settle_trimmed(trimmed)

    def _count(self, author: Author) -> None:
        seconds = self._service.pace.wait(author.claims.sub)
        if seconds:
            raise too_many_requests(seconds)

    def _weigh(self, author: Author, row: JournalRow) -> None:
        """Count what is about to be written."""
        seconds = self._service.volume.wait(author.claims.sub, len(row.document))
        if seconds:
            raise too_many_requests(seconds)

    def _record(self, author: Author, entry: JournalRequest) -> Record:
        given = msgspec.structs.asdict(entry)
        for field in _NOT_THE_CLIENTS:
            del given[field]
        lasting = {name: value for name, value in given.items() if name not in _OUTCOME}
        return Record(
            **given,
            digest=hashlib.sha256(_encode(lasting)).hexdigest(),
            actor=author.claims.sub,
            token_id=author.claims.jti,
            session=author.claims.sid,
            received=self._service.clock(),
        )

    def _row(self, record: Record) -> JournalRow:
        document = _encode(record)
        tag = self._service.secret.journal_tag(record.id, document)
        return JournalRow(record.id, record.cluster, self._service.clock(), document, tag)

    async def _find(self, entry_id: str, author: Author) -> tuple[Record, str] | None:
        """Return an entry and its tag, None when there is none.

        Raises ApiError (409) for one that this server has not written.
        """
        row = await self._store.row(entry_id)
        if row is None:
            return None
        record = await self._verified(row, author)
        if record is None:
            raise _taken()
        return record, row.tag

    async def _verified(self, row: JournalRow, author: Author) -> Record | None:
        """Return an entry if this server has written it; audit it, once, if it has not."""
        expected = self._service.secret.journal_tag(row.id, row.document)
        if same(expected, row.tag):
            record = decode(row.document, Record)
            if record is not None and record.id == row.id:
                return record
        if self._service.strangers.is_new(f"{row.id}:{row.tag}"):
            await self._service.record(
                "journal-read",
                "refused",
                author.caller,
                actor=author.claims.sub,
                reason="entry is not authentic",
                target=row.id,
            )
        return None

    def _shown(self, author: Author, record: Record, sequence: int) -> JournalEntry | None:
        """Return an entry as its reader may see it, None where they may not see it at all."""
        is_own = record.actor == author.claims.sub
        members, readers = self._settings.members, self._settings.readers
        if not (is_own or members is None or author.is_in((*members, *readers))):
            return None
        fields = msgspec.structs.asdict(record)
        del fields["digest"]
        if not (is_own or author.is_in(readers)):
            fields |= dict.fromkeys(("before", "after", "plan"))
        return JournalEntry(sequence=sequence, **fields)

    async def _refused(
        self, action: str, author: Author, entry_id: str, reason: str, error: ApiError
    ) -> ApiError:
        """Audit a refusal and return it."""
        await self._service.record(
            action,
            "refused",
            author.caller,
            actor=author.claims.sub,
            reason=reason,
            jti=author.claims.jti,
            target=entry_id,
        )
        return error


def _encode(value: object) -> bytes:
    """Return JSON that is the same for the same value."""
    return _ENCODER.encode(value)


def _taken() -> ApiError:
    return ApiError(409, "taken", "The id belongs to another entry.")


def _written(record: Record) -> WrittenAnswer:
    return WrittenAnswer(record.id, record.actor, record.token_id, record.received, record.outcome)


def _same_outcome(record: Record, outcome: OutcomeRequest) -> bool:
    return (record.outcome, record.message, record.after, record.duration) == (
        outcome.outcome,
        outcome.message,
        outcome.after,
        outcome.duration,
    )


def _check(entry_id: str, entry: JournalRequest) -> None:
    """Raise ApiError (400) for an entry that makes no sense."""
    if entry.id != entry_id:
        raise bad_request("The entry's id is not that of the path.")
    if entry.outcome != "pending" and not entry.merged:
        raise bad_request("Only an entry that is merged may have ended before it is begun.")
    for value in (entry.before, entry.after, entry.plan):
        _check_values(value)


def _check_values(value: object) -> None:
    """Raise ApiError (400) for an object that holds what a Secret keeps secret, or nests too deeply."""
    waiting = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if depth > _DEEPEST:
            raise bad_request("An object of the entry is nested too deeply.")
        if isinstance(item, dict) and item.get("kind") == "Secret":
            _check_secret(item)
        inner = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
        waiting += [(part, depth + 1) for part in inner]


def _check_secret(secret: dict[str, object]) -> None:
    for field in ("data", "stringData"):
        values = secret.get(field) or {}
        if not isinstance(values, dict) or any(values.values()):
            raise bad_request("The values of a Secret have no place in the journal.")


def _oldest(rows: list[JournalRow]) -> list[JournalRow]:
    """Return as many of the first rows as fit into an answer, one at least."""
    size = 0
    for index, row in enumerate(rows):
        size += len(row.document)
        if index and size > _LARGEST_PAGE:
            return rows[:index]
    return rows


def _newest(rows: list[JournalRow]) -> list[JournalRow]:
    """Return as many of the last rows as fit into an answer, one at least."""
    return _oldest(rows[::-1])[::-1]
