"""The one place where a link to something in the tree is made, and where one is read."""

from peerstor.tree.paths import TreePath, quote_name

TREE_PREFIX = b"/-/tree"
"""Under which the whole tree stands a second time, where no name of it can clash with ours."""

OWN_NAMES = (b"api", b"-")
"""First segments that are ours; a stored top-level entry of such a name is linked through the prefix."""


def link_to(path: TreePath) -> str:
    """Give the address of a file or folder: absolute path, percent-encoded, a folder's with a `/` at its end."""
    joined = "/".join(quote_name(part) for part in path.parts)
    prefix = TREE_PREFIX.decode() if path.parts and path.parts[0] in OWN_NAMES else ""
    return f"{prefix}/{joined}{'/' if path.slash and path.parts else ''}"


def tree_part(raw: bytes) -> bytes | None:
    """Give the tree's part of a request's raw path; None when the address is one of ours.

    :param raw: percent-encoded, without a query, beginning with `/`.
    """
    if raw.startswith(TREE_PREFIX + b"/"):
        return raw.removeprefix(TREE_PREFIX)
    first = raw[1:].split(b"/", 1)[0]
    return None if first in OWN_NAMES else raw
