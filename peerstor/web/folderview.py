"""One look at a folder: whose, and at what of it."""

from attrs import frozen

from peerstor.tree.entries import Page
from peerstor.tree.paths import TreePath
from peerstor.web.links import Links
from peerstor.web.visitors import Visitor
from peerstor.web.wanted import HTML, Wanted


@frozen
class View:
    """One look at a folder: all that decides, beside what lies there, what its listing says.

    :param path: of the folder.
    :param floor: how many of its leading parts no link may lead out of (`TreePath.within`).
    :param links: of the view that it is shown in.
    :param language: that the page is written in.
    :param note: what stands above its entries on the page.
    :param may_share, may_create, may_change: what whoever looks may do there.
    """

    wanted: Wanted
    path: TreePath
    floor: int
    links: Links
    language: str
    note: str
    visitor: Visitor
    may_share: bool
    may_create: bool
    may_change: bool

    @property
    def shows_readme(self) -> bool:
        """Whether the folder's README stands below it.

        Not in what a share shows: whoever read it there would have downloaded it, uncounted.
        """
        return self.wanted.form == HTML and self.wanted.cursor is None and self.links.mount is None

    def next_page(self, page: Page) -> str | None:
        """Give the address of the page behind one; None where it is the last."""
        if page.next is None:
            return None
        return f"{self.links.to(self.path)}{self.wanted.query(cursor=page.next)}"
