"""Where the links and images of a stored document lead, as far as they may."""

import re
from urllib.parse import quote, unquote, unquote_to_bytes

from attrs import frozen

from peerstor.tree.paths import TreePath
from peerstor.web.links import Links
from peerstor.web.viewing.kinds import Kind, kind_of

VIEW = "/-/view"
"""Below which the pages stand that show files."""

ANCHOR = "md-"
"""What the ids of headings in a document begin with: none of them is one of ours."""

_OUTSIDE = re.compile(r"(?:https?://|mailto:)", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def view_address(links: Links, path: TreePath) -> str:
    """Give the address of the page that shows a file."""
    whole = Links().to(TreePath((b"-", *path.parts), slash=False))
    return links.own(VIEW + whole[len(Links().to(TreePath((b"-",), slash=False))) :])


@frozen
class Targets:
    """Reads what a document links to.

    Whatever isn't plainly an address of the web or of mail is a path of the storage, and written anew as such: no
    spelling of anything else is left in it.

    :param folder: in which the document lies.
    :param links: of the view that it is shown in.
    """

    folder: TreePath
    links: Links

    def link(self, target: str) -> str | None:
        """Give the address that a link leads to; None where it leads nowhere that it may.

        Other documents are shown, too; whatever else lies here is itself what is linked.
        """
        if _OUTSIDE.match(target):
            return target
        rest, mark, fragment = target.partition("#")
        anchor = f"#{ANCHOR}{quote(unquote(fragment).lower(), safe='')}" if mark else ""
        if not rest:
            return anchor or None
        path = self._path(rest)
        if path is None:
            return None
        if self.links.mount is None and not path.slash and kind_of(path.name) is Kind.MARKDOWN:
            return view_address(self.links, path) + anchor
        return self.links.to(path)

    def image(self, target: str) -> str | None:
        """Give the address of an image that lies here; None for all others."""
        path = None if _OUTSIDE.match(target) else self._path(target.partition("#")[0])
        return None if path is None or path.slash else self.links.to(path)

    def _path(self, target: str) -> TreePath | None:
        """Read a relative reference (RFC 3986, section 4.2), whose query means nothing here."""
        spelled = target.partition("?")[0]
        if not spelled or spelled.startswith("//") or _SCHEME.match(spelled):
            return None
        above = len(self.links.root)
        parts = list(self.folder.parts if not spelled.startswith("/") else self.links.root)
        *_, last = segments = spelled.split("/")
        for segment in segments:
            name = unquote_to_bytes(segment)
            if b"/" in name or b"\0" in name:
                return None
            if name == b"..":
                if len(parts) <= above:
                    return None
                parts.pop()
            elif name not in (b"", b"."):
                parts.append(name)
        path = TreePath(tuple(parts), slash=last in ("", ".", "..") or not parts)
        return None if path.has_private else path
