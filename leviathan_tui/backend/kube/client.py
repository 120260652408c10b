"""One HTTP client for one API server: requests, pages, watches and log streams.

It speaks HTTP itself instead of through the Kubernetes client's generated methods: decoding 5,000
pods into that library's models takes 4.8 s and 500 MiB, importing it 0.4 s, and its watch cannot be
trusted to end (see docs/architecture.md).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import msgspec

from leviathan_tui import __version__
from leviathan_tui.backend.kube.credentials import BearerSource, Credentials
from leviathan_tui.backend.kube.errors import (
    KubeconfigError,
    Unauthorized,
    Unreachable,
    error_from,
    not_kubernetes,
)
from leviathan_tui.backend.kube.kinds import Kind
from leviathan_tui.backend.kube.kubeconfig import Target
from leviathan_tui.backend.kube.transport import Transport, timeout
from leviathan_tui.backend.kube.wire import UNREADABLE, ListMetadata, RawList
from leviathan_tui.backend.untrusted import clean

if TYPE_CHECKING:
    # It and what it stands on take a fifth of a second of processor time: with a snapshot, rows are on
    # the screen before it.
    import aiohttp
    from yarl import URL

READ_TIMEOUT: Final = 60.0
"""Seconds without a byte after which an ordinary request is given up."""

MAX_ANSWER: Final = 256 * 1024 * 1024
"""Bytes of one answer; a page of 500 objects of the largest allowed size stays under it."""

JSON: Final = "application/json"

Late = tuple[float, Callable[[], object]]
"""Seconds without an answer, and what is called then; the request goes on waiting."""


class Page(msgspec.Struct):
    """One page of a list."""

    items: list[msgspec.Raw]
    metadata: ListMetadata


class KubeClient:
    """Requests to the API server of one target.

    Every method raises `KubeError`s only: `ApiError` and its kin for what the server refused,
    `Unreachable` for everything that kept an answer from arriving.
    """

    def __init__(self, target: Target, bearer: BearerSource | None = None) -> None:
        self.target = target
        self._credentials = Credentials(target, bearer)
        self._transport = Transport(self._credentials)

    async def close(self) -> None:
        """Break all connections, those in use too; the client is of no use afterwards."""
        await self._transport.close()
        await let_go()

    async def life(self) -> float:
        """Return for how many seconds the present credential is good. Raises `KubeError`."""
        return await self._credentials.life()

    @asynccontextmanager
    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        accept: str = JSON,
        body: bytes | None = None,
        content_type: str = JSON,
        read_timeout: float | None = READ_TIMEOUT,
        compressed: bool = True,
        late: Late | None = None,
    ) -> "AsyncIterator[aiohttp.ClientResponse]":
        """Send one request and yield the answer once its status is a success.

        `read_timeout` is in seconds without a byte; None means for ever. `late` is called where the
        answer has not begun by then. A 401 renews the credential
        and tries once more where that cannot apply anything twice, which it never can: a refused
        request did nothing.
        """
        from multidict import CIMultiDict

        url = self._base().joinpath(path.lstrip("/"), encoded=True).with_query(dict(params or {}))
        for attempt in (1, 2):
            proof = await self._credentials.proof()
            headers = CIMultiDict[str](proof.headers)
            headers["Accept"] = accept
            # Not the library's own: some agents' names make the server indent its JSON.
            headers["User-Agent"] = f"leviathan/{__version__}"
            compressed = compressed and not self.target.cluster.disable_compression
            headers["Accept-Encoding"] = "gzip" if compressed else "identity"
            if body is not None:
                headers["Content-Type"] = content_type
            timer = None if late is None else asyncio.get_running_loop().call_later(*late)
            try:
                async with (
                    self._transport.way() as way,
                    way.request(
                        method, url, headers=headers, data=body, timeout=timeout(read_timeout)
                    ) as response,
                ):
                    if timer is not None:
                        timer.cancel()
                    if response.status < 300:
                        try:
                            yield response
                        except BaseException:
                            # A polite end of TLS would wait for a server that may be gone.
                            _abort(response)
                            raise
                        return
                    problem = error_from(
                        response.status,
                        await response.content.read(64 * 1024),
                        response.headers.get("Retry-After"),
                        response.headers.get("Location"),
                    )
            finally:
                if timer is not None:
                    timer.cancel()
            refused = isinstance(problem, Unauthorized)
            if refused and attempt == 1 and await self._credentials.renewed(proof):
                continue
            raise problem

    def _base(self) -> "URL":
        from yarl import URL

        try:
            return URL(self.target.cluster.server.rstrip("/"))
        except ValueError as error:
            # What may hold a password is not repeated; the kubeconfig's reader knows fewer rules.
            context = clean(self.target.context, 100)
            raise KubeconfigError(
                f"The server of the context {context!r} is no address."
            ) from error

    async def read(self, path: str, **options: Any) -> bytes:
        """GET `path` and return the whole answer."""
        async with self.request("GET", path, **options) as response:
            return await _whole(response)

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = JSON,
        params: Mapping[str, str] | None = None,
        warnings: list[str] | None = None,
    ) -> bytes:
        """Send `body` as JSON and return the whole answer.

        What the server warns of is appended to `warnings`, cleaned. Source:
        https://kubernetes.io/blog/2020/09/03/warnings/
        """
        encoded = None if body is None else msgspec.json.encode(body)
        async with self.request(
            method, path, params=params, body=encoded, content_type=content_type
        ) as response:
            if warnings is not None:
                warnings += [_warning(text) for text in response.headers.getall("Warning", ())]
            return await _whole(response)

    async def pages(
        self,
        kind: Kind,
        namespace: str = "",
        *,
        limit: int = 500,
        selector: str = "",
        fields: str = "",
        late: Late | None = None,
    ) -> AsyncIterator[Page]:
        """Yield a collection page by page, each of `limit` objects at most.

        Raises `Expired` when the continue token has become too old; list again then. Raises
        `Unreachable` for an answer that is no list of this kind, whatever its status. Source:
        https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
        """
        params = {"limit": str(limit)}
        if selector:
            params["labelSelector"] = selector
        if fields:
            params["fieldSelector"] = fields
        path = kind.path(namespace)
        reading = asyncio.ensure_future(self.read(path, params=params, late=late))
        try:
            while True:
                page = _page(await reading, kind)
                more = page.metadata.continue_
                if more:
                    # The server prepares the next page while this one is being taken in.
                    following = {**params, "continue": more}
                    reading = asyncio.ensure_future(self.read(path, params=following, late=late))
                yield Page(page.items or [], page.metadata)
                if not more:
                    return
        finally:
            if not reading.done():
                reading.cancel()
            elif not reading.cancelled():
                # A page that nobody waits for any more may have failed; nobody misses it.
                reading.exception()

    @asynccontextmanager
    async def lines(
        self,
        path: str,
        params: Mapping[str, str],
        read_timeout: float | None,
        late: Late | None = None,
    ) -> AsyncIterator[AsyncIterator[list[bytes]]]:
        """Open a stream and yield an iterator over batches of its complete lines.

        All lines that arrived together come in one batch. The iterator ends where the server ends
        the stream. Streams are not compressed: the server would hold lines back to fill its blocks.
        """
        async with self.request(
            "GET", path, params=params, read_timeout=read_timeout, compressed=False, late=late
        ) as response:
            yield _line_batches(response)


def _page(body: bytes, kind: Kind) -> RawList:
    """Return a page of a list; raises `Unreachable` for anything that only looks like one."""
    wanted = f"{kind.name}List"
    said = f"the server did not answer as Kubernetes does: that was no {wanted}"
    try:
        page = msgspec.json.decode(body, type=RawList)
    except UNREADABLE as error:
        raise not_kubernetes(body, said) from error
    if page.kind != wanted or not page.metadata.resource_version:
        raise Unreachable(said)
    return page


def _warning(header: str) -> str:
    """Return the text of a Warning header (RFC 7234 section 5.5), cleaned."""
    _, _, rest = header.partition('"')
    return clean((rest.rpartition('"')[0] or header).replace('\\"', '"'), 500)


def prepare() -> None:
    """Import now what the first request needs."""
    import aiohttp  # noqa: F401


async def let_go() -> None:
    """Let closed TLS transports give up their sockets, which takes a few rounds of the loop."""
    for _ in range(10):
        await asyncio.sleep(0)


def _abort(response: "aiohttp.ClientResponse") -> None:
    connection = response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()


async def _line_batches(response: "aiohttp.ClientResponse") -> AsyncIterator[list[bytes]]:
    rest = b""
    async for chunk in response.content.iter_any():
        lines = (rest + chunk).split(b"\n") if rest else chunk.split(b"\n")
        rest = lines.pop()
        if len(rest) > MAX_ANSWER:
            raise Unreachable("the server sent a line without an end")
        if lines:
            yield lines
    if rest:
        yield [rest]


async def _whole(response: "aiohttp.ClientResponse") -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > MAX_ANSWER:
            raise Unreachable("the server's answer is larger than 256 MiB")
        chunks.append(chunk)
    return b"".join(chunks)
