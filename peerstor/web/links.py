"""The one place where an address of this server is made, and where one is read."""

from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from attrs import frozen

from peerstor.tree.paths import TreePath, quote_name

TREE_PREFIX = "/-/tree"
"""Under which the whole tree stands a second time, where no name of it can clash with ours."""

OWN_NAMES = (b"api", b"-")
"""First segments that are ours; a stored top-level entry of such a name is linked through the prefix."""


@frozen
class Links:
    """The addresses of one server, or of the part of its tree that stands somewhere else as well.

    Whoever makes an address needs the links of the view that it stands in. To read the address of a request takes
    `Links()`, or a view of that: the root has taken the base off it before anybody looks.

    :param base: the path below which everything stands: percent-encoded, begins with `/` and doesn't end so; empty
        for none.
    :param mount: the address of our own (`own`) below which a part of the tree is linked; None for all of it,
        where it stands.
    :param root: the folder that this part is.
    """

    base: str = ""
    mount: str | None = None
    root: tuple[bytes, ...] = ()

    def rooted(self, mount: str, root: tuple[bytes, ...]) -> "Links":
        """Give the view in which a folder is linked below an address of our own, and nothing beside it is."""
        return Links(self.base, mount, root)

    def to(self, path: TreePath) -> str:
        """Give the address of a file or folder: absolute path, percent-encoded, a folder's with a `/` at its end.

        :raise ValueError: the view doesn't show it.
        """
        seen = self.seen(path)
        joined = "".join(f"/{quote_name(part)}" for part in seen.parts)
        return f"{self.base}{self._prefix(path)}{joined}{'/' if seen.slash else ''}"

    def below(self, folder: TreePath) -> "Below":
        """Give the addresses of what lies in a folder."""
        clashing = () if folder.parts else OWN_NAMES
        return Below(self.to(folder), {name: self.to(folder.child(name))[: -len(name)] for name in clashing})

    def own(self, address: str) -> str:
        """Give the address of something of ours, which is no part of the tree, from how it begins without base."""
        return self.base + address

    @property
    def top(self) -> TreePath:
        """The folder that contains all that the view shows."""
        return TreePath(self.root, slash=True)

    def seen(self, path: TreePath) -> TreePath:
        """Give a path as the view has it: from its own root on.

        :raise ValueError: the view doesn't show it.
        """
        if path.parts[: len(self.root)] != self.root:
            raise ValueError("this lies outside of what is shown")
        return TreePath(path.parts[len(self.root) :], slash=path.slash)

    def inner(self, raw: bytes) -> bytes | None:
        """Take the base off an address, however it is spelled (RFC 3986, section 6.2.2).

        :param raw: percent-encoded, without a query.
        :return: the rest, which begins with `/` and is empty for the base without its slash; None for an address
            outside of it.
        """
        base = self.base.encode()
        if raw.startswith(base + b"/") or raw == base:
            return raw[len(base) :]
        count = base.count(b"/")
        segments = raw.split(b"/", count + 1)
        if list(map(unquote_to_bytes, segments[: count + 1])) != unquote_to_bytes(base).split(b"/"):
            return None
        return b"/" + segments[count + 1] if len(segments) > count + 1 else b""

    def tree_part(self, raw: bytes) -> bytes | None:
        """Give the tree's part of an address, still percent-encoded; None when it is none, or not in this view.

        :param raw: percent-encoded, without a query.
        """
        inner = self.inner(raw)
        if not inner:
            return None
        if self.mount is not None:
            mount = f"{self.mount}/".encode()
            above = "".join(f"/{quote_name(part)}" for part in self.root).encode()
            return above + inner[len(mount) - 1 :] if inner.startswith(mount) else None
        prefix = TREE_PREFIX.encode()
        if inner.startswith(prefix + b"/"):
            return inner.removeprefix(prefix)
        return None if inner[1:].split(b"/", 1)[0] in OWN_NAMES else inner

    def _prefix(self, path: TreePath) -> str:
        if self.mount is not None:
            return self.mount
        return TREE_PREFIX if path.parts and path.parts[0] in OWN_NAMES else ""


@frozen
class Below:
    """The addresses of what lies in one folder. It may be a hundred thousand, so what they share is made once.

    :param beginning: of the addresses of nearly all.
    :param exceptions: those of the others, by name.
    """

    beginning: str
    exceptions: Mapping[bytes, str]

    def beginning_of(self, name: bytes) -> str:
        """Give what stands before a name, which has to be percent-encoded, in its address."""
        return self.exceptions.get(name, self.beginning)

    def to(self, name: bytes, slash: bool) -> str:
        """Give the address of a file, or of a folder.

        :param slash: whether it is a folder.
        """
        href = self.exceptions.get(name, self.beginning) + quote_name(name)
        return href + "/" if slash else href
