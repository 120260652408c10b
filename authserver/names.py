"""Which names users, groups and audiences may have.

One spelling per account: plain lower-case ASCII, so that no two Unicode forms, cases or invisible
characters give twins, and so that no name can start with `system:`, which Kubernetes keeps for
itself (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-subjects).
"""

import re
from typing import Final

_NAME: Final = re.compile(r"[a-z0-9._@-]{1,64}")


class NameRefused(ValueError):
    """The name breaks the rules; the text says them and does not quote the name."""


def is_name(text: str) -> bool:
    """Say whether `text` is a name in its one allowed spelling."""
    return _NAME.fullmatch(text) is not None


def user_name(text: str) -> str:
    """Return the spelling of a user's name, with capital letters made small.

    Raises NameRefused.
    """
    name = text.lower() if text.isascii() else text
    if not is_name(name):
        raise NameRefused("a user name is 1 to 64 of a-z, 0-9, dot, underscore, at sign and hyphen")
    return name


def group_name(text: str) -> str:
    """Return a group's name, which is taken as it is written. Raises NameRefused."""
    if not is_name(text):
        raise NameRefused("a group is 1 to 64 of a-z, 0-9, dot, underscore, at sign and hyphen")
    return text
