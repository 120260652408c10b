"""Moments of log lines: nanoseconds since the epoch, as the container runtime wrote them.

Every log request asks for timestamps; the kubelet writes them in front of each line with nine
decimals. Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#get-read-log-of-the-specified-pod
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

SECOND: Final = 1_000_000_000
"""Nanoseconds of a second."""

_ANY: Final = re.compile(
    rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))(?: |$)"
)
_AGO: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_UNIT: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION: Final = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+")


class StampReader:
    """Takes the timestamps off lines; remembers the last second, which most lines share."""

    def __init__(self) -> None:
        self._text = b""
        self._second = 0

    def split(self, lines: list[bytes]) -> tuple[list[int], list[bytes]]:
        """Return the lines' moments and their texts; -1 is the moment of a line that has none."""
        stamps: list[int] = []
        texts: list[bytes] = []
        known, second = self._text, self._second
        for line in lines:
            if line[29:31] == b"Z ":
                if line[:19] != known:
                    found = _second(line[:19])
                    if found < 0:
                        stamps.append(-1)
                        texts.append(line)
                        continue
                    known, second = line[:19], found
                try:
                    stamps.append(second + int(line[20:29]))
                except ValueError:
                    stamps.append(-1)
                    texts.append(line)
                    continue
                texts.append(line[31:])
            else:
                stamp, size = _stamp(line)
                stamps.append(stamp)
                texts.append(line[size:])
        self._text, self._second = known, second
        return stamps, texts


def _second(text: bytes) -> int:
    """Return a UTC time such as `2026-11-24T09:41:07` in nanoseconds; -1 where it is none."""
    try:
        moment = datetime.strptime(text.decode("ascii"), "%Y-%m-%dT%H:%M:%S")  # noqa: DTZ007
        return int(moment.replace(tzinfo=UTC).timestamp()) * SECOND
    except ValueError:
        return -1


def _stamp(line: bytes) -> tuple[int, int]:
    """Return a line's moment and the bytes it takes; (-1, 0) where there is none."""
    match = _ANY.match(line)
    if match is None:
        return -1, 0
    second = _second(match[1])
    if second < 0:
        return -1, 0
    fraction = int((match[2] or b"0").ljust(9, b"0"))
    if match[3]:
        away = (int(match[4]) * 60 + int(match[5])) * 60 * SECOND
        second += -away if match[3] == b"+" else away
    return second + fraction, match.end()


def rfc3339(stamp: int) -> str:
    """Return a moment as `2026-11-24T09:41:07.123456789Z`."""
    whole, fraction = divmod(stamp, SECOND)
    moment = datetime.fromtimestamp(whole, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"


def since_time(stamp: int) -> str:
    """Return a moment for the parameter `sinceTime`, which counts whole seconds only."""
    return f"{datetime.fromtimestamp(stamp // SECOND, UTC):%Y-%m-%dT%H:%M:%SZ}"


def duration(text: str) -> float | None:
    """Return the seconds of `90s`, `10m`, `1h30m` or `2d`; None where it is no such thing."""
    text = text.strip().lower()
    if not _DURATION.fullmatch(text):
        return None
    return sum(float(number) * _UNIT[unit] for number, unit in _AGO.findall(text))


def moment(text: str, now: float, zone: tzinfo | None = None) -> float | None:
    """Return the moment that somebody typed, in seconds since the epoch; None for anything else.

    `10m` and `1h30m` are ago, `14:05` and `14:05:30` the last time that it was so late in `zone`
    (None is the viewer's own), and RFC 3339 times and dates mean themselves.
    """
    text = text.strip()
    ago = duration(text)
    if ago is not None:
        return now - ago
    here = datetime.fromtimestamp(now, zone) if zone else datetime.fromtimestamp(now).astimezone()
    for form in ("%H:%M", "%H:%M:%S"):
        try:
            clock = datetime.strptime(text, form)  # noqa: DTZ007 - only its hands are used
        except ValueError:
            continue
        found = here.replace(
            hour=clock.hour, minute=clock.minute, second=clock.second, microsecond=0
        )
        if found > here:
            found -= timedelta(days=1)
        return found.timestamp()
    try:
        given = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    if given.tzinfo is None:
        given = given.replace(tzinfo=here.tzinfo)
    return given.timestamp()
