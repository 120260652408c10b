"""The screens on the demo's fleet, used with keys."""

from collections.abc import Iterator

import pytest

from leviathan_sandbox import Refused, Sandbox
from leviathan_sandbox.deletion import DeleteOptions
from leviathan_sandbox.server.faults import forbidden_to_list
from leviathan_tui.actions import REGISTRY
from leviathan_tui.actions.places import Place
from leviathan_tui.backend.config import Config
from leviathan_tui.console.app import Woken
from tests.console.conftest import CLOCK, console_on

LISTED = ("apps", "crons", "schedule", "runs", "pods", "events", "nodes", "namespaces")


async def test_home_answers_what_is_wrong_first(still_sandbox: Sandbox) -> None:
    async with console_on(still_sandbox, (160, 48)) as console:
        screen = await console.sees("Apps (24)", "● live", "24 apps", "6 failing")
        rows = [line for line in screen.splitlines() if line.startswith((" ✗", " ●", " ⏸", " ◔"))]
        assert [line[1] for line in rows[:6]] == ["✗"] * 6
        assert "✗" not in {line[1] for line in rows[6:]}
        assert "CrashLoopBackOff" in screen
        assert "paused by alice" in screen


async def test_the_pane_follows_the_cursor_and_asks_once_it_rests(still_sandbox: Sandbox) -> None:
    async with console_on(still_sandbox, (160, 48)) as console:
        await console.press("slash", *"billing", "enter")
        await console.sees(
            "Apps (1 of 24)", "billing ─ Deployment ─ shop", "Last log line", "BackOff"
        )


async def test_opening_an_app_shows_its_pods_services_and_releases(still_sandbox: Sandbox) -> None:
    async with console_on(still_sandbox, (120, 40)) as console:
        await console.press(
            "slash", *"shop", "enter", "slash", "ctrl+u", *"/^web$/", "enter", "enter"
        )
        await console.sees("Pods of web (4)", "web ─ Deployment ─ shop", "Releases", "Services")
        await console.press("escape")
        await console.sees("Apps (1 of 24)")
        await console.press("escape")
        await console.sees("Apps (24)")


async def test_explain_gives_exit_code_and_log_before_conditions(still_sandbox: Sandbox) -> None:
    async with console_on(still_sandbox) as console:
        await console.press("slash", *"billing", "enter", "x")
        screen = await console.sees("CrashLoopBackOff", "exit code", "last log lines", "Conditions")
        assert screen.index("exit code") < screen.index("Conditions")
        await console.press("escape")
        await console.sees("Apps (1 of 24)")


async def test_yaml_is_searched_and_scrolled(still_sandbox: Sandbox) -> None:
    async with console_on(still_sandbox, (100, 24)) as console:
        await console.press("y")
        await console.sees("apiVersion: apps/v1", "kind: Deployment")
        await console.press("slash", *"replicas", "enter")
        await console.sees("/replicas:")
        await console.press("n", "N", "G", "g")
        await console.sees("apiVersion: apps/v1")
        assert "managedFields" not in console.text()


async def test_cron_jobs_say_when_and_how_it_went(still_sandbox: Sandbox) -> None:
    async with console_on(still_sandbox, (160, 40)) as console:
        await console.press("tab")
        screen = await console.sees("Cron jobs (13)", "SCHEDULE", "NEXT", "LAST TEN")
        assert "suspended" in screen
        assert "✓✓✓" in screen
        await console.press("enter")
        await console.sees("Runs of orders-export", "OUTCOME", "schedule", "failed")
        # The newest failed: what it said last is beside it.
        await console.sees("Last log line")


@pytest.mark.parametrize("may_read", [False, True])
async def test_pods_of_a_failed_run_are_gone_only_where_that_is_known(may_read: bool) -> None:
    with Sandbox(live=False, clock=CLOCK) as sandbox:
        for pod in sandbox.objects("Pod", "data"):
            meta = pod["metadata"]
            if meta["name"].startswith("orders-export"):
                sandbox.delete("Pod", "data", meta["name"], DeleteOptions(grace=0))
        if not may_read:
            sandbox.inject(Refused(resource="pods", error=forbidden_to_list("pods")))
        async with console_on(sandbox, (160, 40)) as console:
            await console.press("tab", "enter")
            # That there are no events comes after what is said of the log.
            screen = await console.sees("Runs of orders-export", "none")
            assert ("Its pods are gone" in screen) is may_read


async def test_the_palette_opens_screens_resource_types_and_namespaces(
    still_sandbox: Sandbox,
) -> None:
    async with console_on(still_sandbox) as console:
        await console.press("colon", *"po", "enter")
        await console.sees("Pods (")
        await console.press("colon", *"svc", "enter")
        await console.sees("Services (", "CLUSTER-IP", "gateway")
        await console.press("d")
        await console.sees("─ Service ─ describe", "ClusterIP")
        await console.press("colon", *"nonsense", "enter")
        await console.sees("no resource type nonsense")
        await console.press("colon", *"ns data", "enter", "colon", *"apps", "enter")
        screen = await console.sees("ns: data", "Apps (5)")
        assert "NAMESPACE" not in screen
        await console.press("0")
        await console.sees("ns: all", "Apps (24)")
        await console.press("colon", *"q", "enter")
        assert not console.app.is_running or console.app._exit


async def test_history_goes_back_and_forth_to_the_same_row(still_sandbox: Sandbox) -> None:
    async with console_on(still_sandbox, (160, 40)) as console:
        await console.press("j", "j", "j")
        name = console.app.subject
        await console.press("tab")
        await console.sees("Cron jobs (13)")
        await console.press("left_square_bracket")
        await console.sees("Apps (24)")
        assert console.app.subject == name
        await console.press("right_square_bracket")
        await console.sees("Cron jobs (13)")


async def test_sorting_turns_and_returns(still_sandbox: Sandbox) -> None:
    async with console_on(still_sandbox) as console:
        table = console.app.listing
        assert table is not None
        before = table.model.keys()
        await console.press("N")
        names = [table.model.rows[key].name for key in table.model.keys()]  # noqa: SIM118
        assert names == sorted(names)
        await console.press("N")
        assert [table.model.rows[key].name for key in table.model.keys()] == names[::-1]  # noqa: SIM118
        await console.press("N")
        assert table.model.keys() == before


async def test_marks_and_the_cursor_keep_to_their_rows(still_sandbox: Sandbox) -> None:
    async with console_on(still_sandbox) as console:
        await console.press("space", "space", "down", "ctrl+@")
        await console.sees("4 marked")
        table = console.app.listing
        assert table is not None
        assert [row.uid for row in table.chosen] == table.marks.ordered()
        await console.press("escape")
        assert "marked" not in console.text()


async def test_a_bad_filter_is_said_and_harms_nothing(still_sandbox: Sandbox) -> None:
    async with console_on(still_sandbox) as console:
        await console.press("slash", *"/(/")
        await console.sees("Not a regular expression")
        await console.press("escape")
        await console.sees("Apps (24)")


async def test_help_lists_every_command(still_sandbox: Sandbox) -> None:
    async with console_on(still_sandbox, (160, 240)) as console:
        await console.press("question_mark")
        screen = await console.sees("Help")
        for command in REGISTRY.values():
            assert command.title in screen


async def test_a_keymap_moves_keys(still_sandbox: Sandbox) -> None:
    async with console_on(still_sandbox, keymap={"down": "z", "nodes": "w"}) as console:
        await console.press("z")
        table = console.app.listing
        assert table is not None
        assert table.cursor_index == 1
        await console.press("j")
        assert table.cursor_index == 1
        await console.press("w")
        await console.sees("Nodes (6)")


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (120, 40)])
@pytest.mark.parametrize("view", LISTED)
async def test_every_list_fits_every_size(
    still_sandbox: Sandbox, view: str, size: tuple[int, int]
) -> None:
    async with console_on(still_sandbox, size, Place(view)) as console:
        table = console.app.listing
        assert table is not None
        await console.until(lambda: table.model.total)
        screen = await console.sees(f"{table.list_name} ({table.model.total})")
        assert len(screen.splitlines()) == size[1]
        await console.press("G")
        assert table.cursor_index == len(table.model) - 1


async def test_a_tiny_terminal_says_what_it_needs(still_sandbox: Sandbox) -> None:
    async with console_on(still_sandbox, (50, 10)) as console:
        await console.sees("Leviathan needs 60×15 cells.")
        await console.pilot.resize_terminal(80, 24)
        await console.sees("Apps (24)")


async def test_the_light_theme(still_sandbox: Sandbox) -> None:
    async with console_on(still_sandbox, config=Config(theme="light")) as console:
        assert console.app.theme == "leviathan-light"
        await console.press("colon", *"theme", "enter")
        assert console.app.theme == "leviathan-dark"


async def test_a_restricted_user_is_told_what_is_missing(still_sandbox: Sandbox) -> None:
    from leviathan_sandbox import status as sandbox_status
    from leviathan_sandbox.kinds import KINDS
    from leviathan_sandbox.server.faults import Refused

    node = next(kind for kind in KINDS if kind.name == "Node")
    fault = still_sandbox.inject(
        Refused(resource="nodes", error=sandbox_status.forbidden(node, "", "no rights"))
    )
    try:
        async with console_on(still_sandbox, (160, 40), Place("nodes")) as console:
            await console.sees("You may not read these", "not allowed: Node")
    finally:
        still_sandbox.remove(fault)


async def test_a_filter_typed_and_ended_at_once_is_kept(still_sandbox: Sandbox) -> None:
    async with console_on(still_sandbox) as console:
        await console.burst(*"/web", "enter")
        await console.sees("/web", "of 24)")
        screen = console.app.base_screen
        assert screen is not None
        await console.until(lambda: screen.prompt is None, "the line is closed")


async def test_what_is_typed_behind_a_view_is_a_namespace_or_a_filter(
    still_sandbox: Sandbox,
) -> None:
    async with console_on(still_sandbox) as console:
        await console.sees("Apps (24)")
        await console.press("colon", *"pods /cart", "enter")
        await console.sees("Pods (6 of ", "ns: all")
        await console.press("colon", *"pods shop -l app=web", "enter")
        await console.sees("Pods (0 of ", "ns: shop")
        await console.press("colon", *"svc /cart", "enter")
        await console.sees("Services (1 of ")
        await console.press("colon", *"pods ../..", "enter")
        await console.sees("is no namespace", "ns: shop")
        await console.press("colon", *"ns Bad_Name", "enter")
        await console.sees("“Bad_Name” is no namespace", "ns: shop")
        assert console.app.session.favourites == ["shop"]


async def test_what_is_about_one_object_is_not_done_to_the_last_of_several(
    still_sandbox: Sandbox,
) -> None:
    async with console_on(still_sandbox) as console:
        await console.sees("Apps (24)")
        await console.press("space", "space", "i")
        await console.sees("2 are marked: image is for one at a time.")


@pytest.mark.parametrize("words", ["pod all", "ns all", "pods *", "ns *", "crons all", "svc all"])
async def test_all_means_all_namespaces_wherever_a_namespace_is_typed(
    still_sandbox: Sandbox, words: str
) -> None:
    async with console_on(still_sandbox, namespace="shop") as console:
        await console.sees("ns: shop")
        await console.press(":")
        await console.press(*words, "enter")
        await console.sees("ns: all")


@pytest.mark.parametrize("words", ["ns nowhere", "pods nowhere", "svc nowhere"])
async def test_one_does_not_go_to_a_namespace_that_does_not_exist(
    still_sandbox: Sandbox, words: str
) -> None:
    async with console_on(still_sandbox, namespace="shop") as console:
        await console.press(":")
        await console.press(*words, "enter")
        await console.sees("There is no namespace nowhere", "ns: shop")
        assert "nowhere" not in console.app.session.favourites


@pytest.mark.parametrize("view", ["apps", "crons", "pods", "runs"])
async def test_a_namespace_that_does_not_exist_is_not_shown_as_an_empty_one(
    still_sandbox: Sandbox, view: str
) -> None:
    async with console_on(still_sandbox, namespace="nowhere", place=Place(view)) as console:
        text = await console.sees("There is no namespace nowhere; 0 shows all namespaces.")
        assert "0 apps" not in text
        await console.press("0")
        await console.sees("ns: all")
        await console.until(lambda: "There is no" not in console.text())


async def test_a_namespace_that_is_made_while_one_looks_is_there() -> None:
    with Sandbox(apps=0, live=False) as sandbox:
        async with console_on(sandbox, namespace="later") as console:
            await console.sees("There is no namespace later")
            sandbox.create({"kind": "Namespace", "metadata": {"name": "later"}})
            await console.sees("No apps in the namespace later")


async def test_what_may_not_be_watched_is_said_in_the_header() -> None:
    with Sandbox(apps=0, live=False) as sandbox:
        async with console_on(sandbox, size=(160, 40)) as console:
            sandbox.inject(Refused(error=forbidden_to_list("jobs"), verb="watch", resource="jobs"))
            # The watches end with the server, and are asked for again.
            sandbox.stop_serving()
            sandbox.resume_serving()
            await console.sees("◑ polled 0s ago", "may not watch: Job")


@pytest.fixture(scope="module")
def bare_sandbox() -> Iterator[Sandbox]:
    """A cluster in which nobody has deployed anything."""
    with Sandbox(apps=0, live=False, clock=CLOCK) as sandbox:
        yield sandbox


@pytest.mark.parametrize(
    ("view", "words"),
    [
        ("apps", "This cluster has no apps."),
        ("crons", "This cluster has no cron jobs."),
        ("schedule", "This cluster has no cron jobs."),
        ("runs", "This cluster has no runs."),
    ],
)
async def test_an_empty_cluster_says_what_it_has_none_of(
    bare_sandbox: Sandbox, view: str, words: str
) -> None:
    async with console_on(bare_sandbox, place=Place(view)) as console:
        await console.sees("● live", words)


async def test_a_list_says_the_same_of_the_connection_as_the_header(
    bare_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with console_on(bare_sandbox) as console:
        await console.sees("● live", "This cluster has no apps.")
        screen, table = console.app.base_screen, console.app.listing
        assert screen is not None
        assert table is not None
        # Nothing but what arrives brings the header up to date now.
        monkeypatch.setattr(screen, "tick", lambda: None)
        table.note = "Reading the cluster …"
        console.app.post_message(Woken())
        await console.until(lambda: table.note == "This cluster has no apps.", "what is true")
