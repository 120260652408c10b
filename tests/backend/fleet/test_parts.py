"""The smaller parts: quantities, filters, events' times, images, describing."""

from types import SimpleNamespace

import pytest

from leviathan_tui.backend.fleet.describe import describe
from leviathan_tui.backend.fleet.filters import FilterError, parse_filter
from leviathan_tui.backend.fleet.prose import plain_text
from leviathan_tui.backend.fleet.records import Interner
from leviathan_tui.backend.fleet.usage import quantity
from tests.backend.fleet.objects import NOW, metadata, pod, record, stamp


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("250m", 0.25),
        ("1", 1),
        ("12345678n", 0.012345678),
        ("64Mi", 64 * 2**20),
        ("1e3", 1000),
        ("1.5Gi", 1.5 * 2**30),
        ("100k", 100_000),
        ("0", 0),
    ],
)
def test_quantities(text: str, number: float) -> None:
    assert quantity(text) == pytest.approx(number)


@pytest.mark.parametrize("text", ["", "m", "1 Gi", "1mi", "--1", "1e400000"])
def test_no_quantities(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        quantity(text)


ROW = SimpleNamespace(search="shop\nweb-1\nrunning", labels={"app": "web"})


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("WEB", True),
        ("api", False),
        ("!api", True),
        ("!web", False),
        ("/^web-[0-9]$/", True),
        ("/^eb/", False),
        ("-l app=web", True),
        ("-l app!=web", False),
        ("-f wb1", True),
        ("-f shw1", False),
        ("!/web/", False),
    ],
)
def test_filters(text: str, matches: bool) -> None:
    accept = parse_filter(text)
    assert accept is not None
    assert accept(ROW) is matches


def test_no_filter_and_bad_ones() -> None:
    assert parse_filter("  ") is None
    assert parse_filter("!") is None
    for bad in ("/(/", "-l", "-l a b"):
        with pytest.raises(FilterError):
            parse_filter(bad)


def test_events_of_both_forms_have_a_time_and_a_count() -> None:
    about = {"kind": "Pod", "name": "a", "namespace": "shop", "uid": "u"}
    older = record(
        "Event",
        {
            "metadata": metadata("e1"),
            "involvedObject": about,
            "count": 4,
            "firstTimestamp": stamp(NOW - 50),
            "lastTimestamp": stamp(NOW - 5),
            "eventTime": None,
        },
    )
    newer = record(
        "Event",
        {
            "metadata": metadata("e2"),
            "involvedObject": about,
            "firstTimestamp": None,
            "lastTimestamp": None,
            "eventTime": "2027-01-15T08:00:00.000000Z",
            "series": {"count": 9, "lastObservedTime": "2027-01-15T08:00:30.000000Z"},
        },
    )
    bare = record(
        "Event", {"metadata": metadata("e3"), "involvedObject": {}, "lastTimestamp": None}
    )
    assert (older.count, older.last) == (4, NOW - 5)
    assert (newer.count, newer.last) == (9, NOW + 30)
    assert (bare.count, bare.last) == (1, NOW - 3600)


@pytest.mark.parametrize(
    ("images", "shown"),
    [
        (["r.example:5000/team/web:5.0.2"], "web:5.0.2"),
        (["r.example/web@sha256:0123456789abcdef"], "web@0123456"),
        (["web:2@sha256:fedcba9876543210", "b:2"], "web:2@fedcba9 +1"),
        (["a:1", "b:2", "c:3"], "a:1 +2"),
        ([], ""),
    ],
)
def test_images_without_their_registry(images: list[str], shown: str) -> None:
    document = pod("a")
    document["spec"]["containers"] = [{"name": image, "image": image} for image in images]
    assert record("Pod", document).image == shown


def test_a_description_cleans_every_value() -> None:
    document = pod("a")
    document["apiVersion"], document["kind"] = "v1", "Pod"
    document["metadata"]["annotations"] = {"x": "\x1b]52;c;eA==\x07[/foo]"}
    text = plain_text(describe(document, []))
    assert "\x1b" not in text
    assert "␛]52;c;eA==␇[/foo]" in text
    assert "nodeName: n1" in text


def test_what_many_share_is_kept_once_whatever_passes_by() -> None:
    keep = Interner()
    shared = "".join(("name", "space"))
    first, labels = keep.text(shared), keep.labels({"app": "web"})
    most = 0
    for number in range(20_000):
        keep.text(f"one-off-{number}")
        keep.labels({"hash": f"{number:x}"})
        if number % 100 == 0:
            assert keep.text("".join(("name", "space"))) is first
            assert keep.labels({"app": "web"}) is labels
            most = max(most, keep.size)
    assert most <= 2_000
