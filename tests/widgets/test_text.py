"""Words for narrow columns, fitting columns, wrapping, and the cells that differ between two lines."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from leviathan_tui.widgets.columns import Column, Layout
from leviathan_tui.widgets.lines import Line, _difference, _filled
from leviathan_tui.widgets.prose_view import wrapped
from leviathan_tui.widgets.text import age, apart, cores, fit, fit_middle, size, span, width_of


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "now"),
        (9, "now"),
        (42, "40s"),
        (60, "1m"),
        (7199, "119m"),
        (7200, "2h"),
        (172_800, "2d"),
    ],
)
def test_ages(seconds: float, words: str) -> None:
    assert age(seconds) == words


def test_other_numbers() -> None:
    assert [span(8), span(125), span(4800), span(90_000)] == ["8s", "2m5s", "1h20m", "1d1h"]
    assert [cores(-1), cores(12), cores(1500)] == ["–", "12m", "1.5"]
    assert [size(-1), size(80 * 2**20), size(1_500_000_000)] == ["–", "80M", "1.4G"]


texts = st.text(alphabet="ab 日é-", max_size=40)


@given(texts, st.integers(0, 30), st.booleans())
def test_fitting_is_exact(text: str, width: int, right: bool) -> None:
    assert width_of(fit(text, width, right=right)) == width


@given(
    st.lists(st.tuples(texts, st.sampled_from(["plain", "bad"])), max_size=4), st.integers(4, 30)
)
def test_wrapping_loses_no_letter_and_overflows_no_line(
    parts: list[tuple[str, str]], width: int
) -> None:
    lines = wrapped(tuple(parts), width)
    assert all(sum(width_of(text) for text, _ in line) <= width for line in lines)
    before = "".join(text for text, _ in parts).replace(" ", "")
    after = "".join(text for line in lines for text, _ in line).replace(" ", "")
    assert before == after


spans = st.lists(
    st.tuples(st.text(alphabet="xy日 ", max_size=6), st.sampled_from(["plain", "bad"]))
)


def cells(line: Line) -> list[tuple[str, str]]:
    found = []
    for text, style in line:
        for letter in text:
            found += [(letter, style)] * width_of(letter)
    return found


@given(spans, spans)
def test_outside_the_difference_two_lines_are_equal(
    before: list[tuple[str, str]], now: list[tuple[str, str]]
) -> None:
    old, new = _filled(tuple(before), 24), _filled(tuple(now), 24)
    start, end = _difference(old, new)
    assert cells(old)[:start] == cells(new)[:start]
    assert cells(old)[end:] == cells(new)[end:]


def test_one_changed_number_is_one_changed_cell() -> None:
    old = _filled((("web  3/3  12%", "plain"),), 40)
    new = _filled((("web  2/3  12%", "plain"),), 40)
    assert _difference(old, new) == (5, 6)


def column(name: str, width: int, most: int = 0, yields: int = 0) -> Column:
    return Column(
        name, name.upper(), lambda row, now: row[name], lambda row: row[name], width, most, yields
    )


def test_columns_give_way_in_their_order_and_the_first_stays() -> None:
    layout = Layout((column("name", 12, 30), column("a", 10, yields=2), column("b", 10, yields=1)))
    assert [found.id for found, _ in layout.fit(40)] == ["name", "a", "b"]
    assert [found.id for found, _ in layout.fit(30)] == ["name", "b"]
    assert [found.id for found, _ in layout.fit(12)] == ["name"]


def test_widths_grow_with_contents_up_to_their_most_and_shrink_for_the_terminal() -> None:
    layout = Layout((column("name", 12, 30), column("a", 4)))
    layout.grow([{"name": "x" * 50, "a": "y"}], 0.0)
    assert [width for _, width in layout.fit(80)] == [30, 4]
    assert [width for _, width in layout.fit(20)] == [14, 4]


def test_other_columns_go_before_a_name_is_cut_that_could_be_told_apart() -> None:
    layout = Layout((column("name", 12, 80), column("a", 10, yields=2), column("b", 4, 30)))
    layout.grow([{"name": "x" * 36, "a": "y", "b": "z" * 20}], 0.0)
    assert [(found.id, width) for found, width in layout.fit(70)] == [
        ("name", 36),
        ("a", 10),
        ("b", 20),
    ]
    # What shrinks first is the column that can; then one goes; the name is cut last.
    assert [(found.id, width) for found, width in layout.fit(62)] == [
        ("name", 36),
        ("a", 10),
        ("b", 12),
    ]
    assert [(found.id, width) for found, width in layout.fit(60)] == [("name", 36), ("b", 20)]
    assert [(found.id, width) for found, width in layout.fit(50)] == [("name", 36), ("b", 12)]
    assert [(found.id, width) for found, width in layout.fit(40)] == [("name", 26), ("b", 12)]


def test_scrolling_brings_the_columns_that_do_not_fit() -> None:
    layout = Layout((column("name", 12), column("a", 10, yields=1), column("b", 10, yields=2)))
    layout.fit(26)
    assert layout.scroll(1)
    assert [found.id for found, _ in layout.fit(26)] == ["name", "b"]
    assert layout.scroll(-1)
    assert [found.id for found, _ in layout.fit(26)] == ["name", "a"]


@pytest.mark.parametrize(
    ("name", "width", "shown"),
    [
        ("web", 5, "web  "),
        ("teleport.example.com-prod-eu", 12, "telepo…od-eu"),
        ("日本語のとても長い名前-eu", 10, "日本語…-eu"),
        ("abcdef", 2, "a…"),
    ],
)
def test_a_name_is_cut_in_the_middle(name: str, width: int, shown: str) -> None:
    assert fit_middle(name, width).rstrip() == shown.rstrip()
    assert width_of(fit_middle(name, width)) == width


@pytest.mark.parametrize(
    "names",
    [
        ["teleport.example.com-prod", "teleport.example.com-staging", "teleport.example.com-pr"],
        [f"arn:aws:eks:eu-west-{n}:123456789012:cluster/production-shop" for n in range(9)],
        [f"gke_company-{part}_europe-west1-b_cluster" for part in ("a1", "a2", "b1", "b2")],
        ["x" * 60 + "1" + "y" * 60, "x" * 60 + "2" + "y" * 60, "x" * 60 + "y" * 61],
        ["a" * 50, "a" * 51, "a" * 52],
        ["本" * 40 + "一" + "語" * 40, "本" * 40 + "二" + "語" * 40],
    ],
)
@pytest.mark.parametrize("width", [12, 20, 24, 41])
def test_names_that_differ_look_different(names: list[str], width: int) -> None:
    shown = apart(frozenset(names), width)
    assert len(set(shown.values())) == len(names)
    assert {width_of(one) for one in shown.values()} == {width}


def test_what_is_kept_is_what_differs() -> None:
    names = [f"gke_company-{part}_europe-west1-b_cluster-with-a-name" for part in ("one", "two")]
    shown = apart(frozenset(names), 20)
    assert [shown[name] for name in names] == ["gke_c…y-one_europe-…", "gke_c…y-two_europe-…"]


@given(st.frozensets(st.text("ab-本", min_size=1, max_size=30), max_size=12), st.integers(4, 40))
@example(
    frozenset(
        {
            "本日a日a日a日aab日bb本本本本本本",
            "本日a日a日a日aa本本本b本日",
            "本日a日a日a日ab日bb本本本本本",
            "本本本本本本本本本a日aa日本ab本本",
            "本本本本本本本本本b本日a日本本",
            "本本本本本本本本本本b本aaaba本本本本本本",
        }
    ),
    6,
)
def test_any_names_that_differ_look_different(names: frozenset[str], width: int) -> None:
    shown = apart(names, width)
    assert len({one.rstrip() for one in shown.values()}) == len(names)
    assert all(width_of(one) == width for one in shown.values())
