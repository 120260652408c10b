"""Everything that changes a cluster, and the one path that all of it takes.

`apps`, `crons` and `jobs` say what can be done to an object (the app manager and the cron manager);
`trial` has it tried by the server, `sending` sends it once and writes it down, `plan` says in which
order and what follows from a failure; `undo` takes it back.

The modules are imported when they are first named as attributes of this package: a console that only
looks needs none of them, and starts without. Source: https://peps.python.org/pep-0562/
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leviathan_tui.backend.changes import apply as apply
    from leviathan_tui.backend.changes import apps as apps
    from leviathan_tui.backend.changes import cloning as cloning
    from leviathan_tui.backend.changes import crons as crons
    from leviathan_tui.backend.changes import deploy_line as deploy_line
    from leviathan_tui.backend.changes import deploying as deploying
    from leviathan_tui.backend.changes import editing as editing
    from leviathan_tui.backend.changes import intents as intents
    from leviathan_tui.backend.changes import jobs as jobs
    from leviathan_tui.backend.changes import manifests as manifests
    from leviathan_tui.backend.changes import rollback as rollback
    from leviathan_tui.backend.changes import undo as undo
    from leviathan_tui.backend.changes import way_out as way_out
else:

    def __getattr__(name: str) -> object:
        from importlib import import_module
        from importlib.util import find_spec

        if name.startswith("_") or find_spec(f"{__name__}.{name}") is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return import_module(f"{__name__}.{name}")
