"""A server that only sends: pods in one namespace, and their logs at a given rate.

It answers like an API server as far as following logs needs, over plain HTTP on loopback. Its lines are
made before they are asked for, so that sending costs as little as it can. Run as a program it prints
its port.
"""

import argparse
import asyncio
import json
import time
from urllib.parse import parse_qs, urlsplit

TICK = 0.01
"""Seconds between two pieces of a stream."""

MARKED = 100
"""One line in so many is an error."""


def texts(count: int) -> list[bytes]:
    """Return the texts of lines as a web server writes them."""
    return [
        b'%s 10.0.%d.%d - - "GET /items/%d?session=%08x HTTP/1.1" %d %d "Mozilla/5.0 (X11; Linux)"\n'
        % (
            b"ERROR" if number % MARKED == 0 else b"INFO",
            number % 7,
            number % 251,
            number,
            number * 2654435761 % 2**32,
            500 if number % MARKED == 0 else 200,
            number % 4096,
        )
        for number in range(count)
    ]


TEXTS = texts(5_000)


def pod(name: str) -> dict[str, object]:
    """Return a running pod."""
    status = {
        "name": "app",
        "ready": True,
        "restartCount": 0,
        "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
    }
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {
            "name": name,
            "namespace": "bench",
            "uid": f"uid-{name}",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"app": "bench"},
        },
        "spec": {"containers": [{"name": "app", "image": "app:1"}], "nodeName": "node"},
        "status": {"phase": "Running", "containerStatuses": [status]},
    }


class Server:
    """Streams `rate` lines a second in all, shared by `pods` pods, behind `history` lines of past."""

    def __init__(self, pods: int, rate: int, history: int) -> None:
        self.names = [f"bench-{number:03d}" for number in range(pods)]
        self.rate = rate / pods
        self.history = history // pods
        self.sent = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while request := await reader.readline():
                while (await reader.readline()).strip():
                    pass
                await self.answer(request.split(b" ")[1].decode(), writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def answer(self, target: str, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        url = urlsplit(target)
        query = parse_qs(url.query)
        parts = url.path.strip("/").split("/")
        if parts[-1] == "log":
            await self.log(query, writer)
        elif url.path in DISCOVERY:
            _send(writer, DISCOVERY[url.path])
        elif "watch" in query:
            writer.write(HEAD_CHUNKED % b"application/json")
            await writer.drain()
            await asyncio.sleep(3600)
        elif parts[-1] in self.names:
            _send(writer, pod(parts[-1]))
        elif parts[-1] == "pods" and "metrics" not in url.path:
            items = [pod(name) for name in self.names]
            _send(writer, {"kind": "PodList", "apiVersion": "v1", "metadata": META, "items": items})
        else:
            _send(writer, {"kind": "List", "apiVersion": "v1", "metadata": META, "items": []})

    async def log(self, query: dict[str, list[str]], writer: asyncio.StreamWriter) -> None:
        """Send the past, then go on at the rate."""
        writer.write(HEAD_CHUNKED % b"text/plain")
        tail = int(query.get("tailLines", [str(self.history)])[0])
        past = min(tail, self.history)
        begin = time.time() - 60
        for start in range(0, past, 5_000):
            await self.send(writer, start, min(5_000, past - start), begin)
        if "follow" not in query:
            writer.write(b"0\r\n\r\n")
            await writer.drain()
            return
        number, began = past, time.monotonic()
        while True:
            await asyncio.sleep(TICK)
            due = past + int((time.monotonic() - began) * self.rate)
            if due > number:
                await self.send(writer, number, due - number, time.time())
                number = due

    async def send(
        self, writer: asyncio.StreamWriter, start: int, count: int, moment: float
    ) -> None:
        """Send lines as one chunk."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)).encode()
        base = int(moment % 1 * 1e9)
        size = len(TEXTS)
        body = b"".join(
            [
                b"%b.%09dZ %b" % (stamp, min(base + at, 999_999_999), TEXTS[(start + at) % size])
                for at in range(count)
            ]
        )
        writer.write(b"%x\r\n%b\r\n" % (len(body), body))
        self.sent += count
        await writer.drain()


META = {"resourceVersion": "1"}
DISCOVERY: dict[str, dict[str, object]] = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {
        "kind": "APIResourceList",
        "groupVersion": "v1",
        "resources": [
            {"name": "pods", "kind": "Pod", "namespaced": True, "verbs": ["get", "list"]},
            {"name": "pods/log", "kind": "Pod", "namespaced": True, "verbs": ["get"]},
        ],
    },
}
"""What kubectl asks before anything else."""
HEAD_CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nTransfer-Encoding: chunked\r\n\r\n"


def _send(writer: asyncio.StreamWriter, document: object) -> None:
    body = json.dumps(document).encode()
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
        % (len(body), body)
    )


async def main() -> None:
    """Serve until the program is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pods", type=int, default=1)
    parser.add_argument("--rate", type=int, default=50_000)
    parser.add_argument("--history", type=int, default=1_000)
    options = parser.parse_args()
    server = Server(options.pods, options.rate, options.history)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, limit=1 << 20)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
