"""Going from one screen to another, and what concerns the console as a whole."""

from collections.abc import Awaitable
from typing import Final

from leviathan_tui.actions.base import Action, ObjectAction
from leviathan_tui.actions.places import LISTS, LOGS, TEXTS, Place
from leviathan_tui.actions.ports import Front
from leviathan_tui.backend.fleet.records import Ref

GROUP = "Going"


class _Go(Action[Front]):
    group = GROUP
    view = ""
    argument = "[NAMESPACE] [FILTER]"

    def run(self, front: Front) -> None:
        namespace, rows = split_words(front.argument)
        if namespace is not None:
            front.show_namespace(namespace)
        front.open(Place(self.view, filter=rows))


ALL: Final = ("all", "*")
"""What is typed for all namespaces, behind `ns` as behind a view's name."""


def typed_namespace(word: str) -> str:
    """Return the namespace that is meant by a typed word; empty for all of them."""
    return "" if word in ALL else word


def split_words(words: str) -> tuple[str | None, str]:
    """Return the namespace and the filter that were typed behind a view's name.

    The namespace is empty for all of them, None where none was typed. A filter begins with what no
    namespace does: `/`, `!` or `-`. As in k9s, `/web` is the text web;
    `/web/` is an expression.
    """
    first, _, rest = words.strip().partition(" ")
    if first[:1] in ("/", "!", "-"):
        first, rest = "", words.strip()
    rest = rest.strip()
    if rest.startswith("/") and not (len(rest) > 1 and rest.endswith("/")):
        rest = rest[1:]
    return typed_namespace(first) if first else None, rest


class GoApps(_Go):
    """Every Deployment, StatefulSet and DaemonSet as an app."""

    id, title, view = "apps", "Apps", "apps"


class GoCronJobs(_Go):
    """Cron jobs: schedule, next run, outcomes, missed runs."""

    id, title, view = "crons", "Cron jobs", "crons"


class GoRuns(_Go):
    """All jobs, newest first; from a cron job, its own runs."""

    id, title, view = "runs", "Runs", "runs"


class GoPods(_Go):
    """All pods."""

    id, title, view = "pods", "Pods", "pods"


class GoEvents(_Go):
    """Events, newest first."""

    id, title, view = "events", "Events", "events"


class GoNodes(_Go):
    """The cluster's nodes."""

    id, title, view = "nodes", "Nodes", "nodes"


class GoNamespaces(_Go):
    """All namespaces; enter uses one."""

    id, title, view = "namespaces", "Namespaces", "namespaces"


class NextList(Action[Front]):
    """Go to the next of the main lists: apps, cron jobs, pods, events."""

    id, title, keys, group, views, footer = "next-list", "next list", ("tab",), GROUP, LISTS, 95

    def run(self, front: Front) -> None:
        """Go there."""
        front.next_list(1)


class PreviousList(Action[Front]):
    """Go to the previous of the main lists."""

    id, title, keys, group, views = "previous-list", "Previous list", ("shift+tab",), GROUP, LISTS

    def run(self, front: Front) -> None:
        """Go there."""
        front.next_list(-1)


class Back(Action[Front]):
    """Take back the last narrowing: marks, then the filter, then the screen."""

    id, title, keys, group = "back", "Back", ("escape",), GROUP

    def run(self, front: Front) -> None:
        """Go back."""
        front.back()


class HistoryBack(Action[Front]):
    """Go back in the history of screens."""

    id, title, keys, group = "history-back", "History back", ("left_square_bracket",), GROUP

    def run(self, front: Front) -> None:
        """Go back."""
        front.travel(-1)


class HistoryForward(Action[Front]):
    """Go forward in the history of screens."""

    id, title, keys, group = "history-forward", "History forward", ("right_square_bracket",), GROUP

    def run(self, front: Front) -> None:
        """Go forward."""
        front.travel(1)


class Palette(Action[Front]):
    """Type a command, a screen's name, any resource type, or a namespace."""

    id, title, keys, group, footer = "palette", "command", ("colon",), GROUP, 91

    def run(self, front: Front) -> None:
        """Open the palette."""
        front.ask_command()


class Help(Action[Front]):
    """All keys and what they do."""

    id, title, keys, group, footer = "help", "help", ("question_mark",), GROUP, 92

    def run(self, front: Front) -> None:
        """Show them."""
        if front.place.view != "help":
            front.open(Place("help"))


class PickNamespace(Action[Front]):
    """Choose a namespace from a list."""

    id, title, keys, group = "namespace", "Choose namespace", ("ctrl+n",), GROUP
    views = LISTS

    def run(self, front: Front) -> None:
        """Open the picker."""
        front.choose_namespace()


class PickContext(Action[Front]):
    """Choose another context of the kubeconfig."""

    id, title, keys, group = "context", "Choose context", ("ctrl+k",), GROUP

    def run(self, front: Front) -> None:
        """Open the picker."""
        front.choose_context()


class Refresh(Action[Front]):
    """Ask the cluster again at once, without waiting for the next try."""

    id, title, keys, group = "refresh", "Refresh", ("ctrl+r",), GROUP

    def run(self, front: Front) -> None:
        """Ask."""
        front.refresh_now()


class WhoAmI(Action[Front]):
    """Who the API server takes you for, your groups, and what they let you do here."""

    id, title, keys, group = "whoami", "Who am I", (), GROUP

    def run(self, front: Front) -> None:
        """Show it."""
        front.open(Place("whoami"))


class Login(Action[Front]):
    """Log in at the auth server, as somebody else too; the screen stays."""

    id, title, keys, group = "login", "Log in", (), GROUP

    def run(self, front: Front) -> None:
        """Ask for name and password."""
        front.ask_login()


class Logout(Action[Front]):
    """End the session at the auth server."""

    id, title, keys, group = "logout", "Log out", (), GROUP

    def run(self, front: Front) -> Awaitable[None] | None:
        """End it."""
        return front.log_out()


class Theme(Action[Front]):
    """Change between the dark and the light theme."""

    id, title, keys, group = "theme", "Change theme", (), GROUP

    def run(self, front: Front) -> None:
        """Change it."""
        front.next_theme()


class Quit(Action[Front]):
    """Leave the console; nothing in the cluster stops."""

    id, title, keys, group = "quit", "Quit", ("ctrl+c",), GROUP

    def run(self, front: Front) -> None:
        """Leave."""
        front.quit()


class _UseNamespace(Action[Front]):
    group, views = GROUP, LISTS


def _use_namespace(digit: int) -> type[Action[Front]]:
    def run(self: Action[Front], front: Front) -> None:
        front.use_namespace(digit)

    words = "Show all namespaces." if digit == 0 else f"Use namespace number {digit} of the list."
    return type(
        f"UseNamespace{digit}",
        (_UseNamespace,),
        {
            "__doc__": words,
            "id": f"namespace-{digit}",
            "title": "All namespaces" if digit == 0 else f"Namespace {digit}",
            "keys": (str(digit),),
            "run": run,
        },
    )


class Open(ObjectAction):
    """Open what is under the cursor: an app, a cron job's runs, a pod in full."""

    id, title, keys, group, views, footer = "open", "open", ("enter",), "Looking", LISTS, 10

    def run(self, front: Front) -> None:
        """Open it."""
        ref = front.subject
        if ref is None:
            return
        if ref.kind == "Namespace":
            front.open(Place("apps", about=ref))
        else:
            front.open(Place(_VIEW_OF.get(ref.kind, "describe"), about=ref))


_VIEW_OF = {
    "Deployment": "app",
    "StatefulSet": "app",
    "DaemonSet": "app",
    "CronJob": "runs",
    "Job": "pods",
    "Node": "pods",
}


class Explain(ObjectAction):
    """Why is it not well? Conditions, containers, logs and events in the order of likely cause."""

    id, title, keys, group, footer = "explain", "explain", ("x",), "Looking", 20

    def enabled(self, front: Front) -> bool:
        """Only what has pods can be explained, and whatever is being deleted."""
        ref, row = front.subject, front.row
        leaving = bool(getattr(row, "deleting", False)) and front.place.view == "resource"
        return super().enabled(front) and ref is not None and (ref.kind in EXPLAINED or leaving)

    def run(self, front: Front) -> None:
        """Explain it."""
        front.open(Place("explain", about=front.subject))


EXPLAINED = frozenset(
    {"Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "Pod", "Node", "Namespace"}
)
"""The kinds that can always be explained; others only while they are being deleted."""


class Describe(ObjectAction):
    """The object in full, with its conditions and events."""

    id, title, keys, group, footer = "describe", "describe", ("d",), "Looking", 21

    def run(self, front: Front) -> None:
        """Describe it."""
        front.open(Place("describe", about=front.subject))


class Yaml(ObjectAction):
    """The object as YAML, as the server holds it."""

    id, title, keys, group, footer = "yaml", "yaml", ("y",), "Looking", 22

    def run(self, front: Front) -> None:
        """Show it."""
        front.open(Place("yaml", about=front.subject))


class PodsOf(ObjectAction):
    """The pods of an app, a run or a node."""

    id, title, keys, group, views = "pods-of", "Its pods", ("o",), "Looking", LISTS

    def run(self, front: Front) -> None:
        """Show them."""
        front.open(Place("pods", about=front.subject))


class EventsOf(ObjectAction):
    """The events about the object."""

    id, title, keys, group, views = "events-of", "Its events", ("ctrl+e",), "Looking", LISTS

    def run(self, front: Front) -> None:
        """Show them."""
        front.open(Place("events", about=front.subject))


class CopyName(ObjectAction):
    """Copy the name to the clipboard, through the terminal."""

    id, title, keys, group = "copy", "Copy name", ("c",), "Looking"
    views = LISTS | (TEXTS - LOGS)

    def run(self, front: Front) -> None:
        """Copy it."""
        ref: Ref | None = front.subject
        if ref is not None:
            front.copy(ref.name)
            front.say(f"Copied {ref.name}")


ACTIONS: tuple[type[Action[Front]], ...] = (
    GoApps,
    GoCronJobs,
    GoRuns,
    GoPods,
    GoEvents,
    GoNodes,
    GoNamespaces,
    NextList,
    PreviousList,
    Open,
    Explain,
    Describe,
    Yaml,
    PodsOf,
    EventsOf,
    CopyName,
    PickNamespace,
    *(_use_namespace(digit) for digit in range(10)),
    PickContext,
    Back,
    HistoryBack,
    HistoryForward,
    Palette,
    Help,
    Refresh,
    WhoAmI,
    Login,
    Logout,
    Theme,
    Quit,
)
