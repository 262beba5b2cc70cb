"""Stored Markdown as it is shown, remembered while it is as it was."""

import threading
from collections import OrderedDict

from attrs import frozen
from markupsafe import Markup

from peerstor.tree.cached import Signature, signature_of
from peerstor.tree.paths import TreePath
from peerstor.tree.sandbox import Opened
from peerstor.web.links import Links
from peerstor.web.viewing.markdown import Unfit, render
from peerstor.web.viewing.targets import Targets

ROOM = 2 << 20
"""Characters of all documents that are remembered; the least recently used go."""

BESIDE = 500
"""Characters that each costs beside: one that can't be shown is remembered too."""


@frozen
class _Key:
    signature: Signature
    folder: TreePath
    links: Links
    seconds: float


class Documents:
    """Renders Markdown. For threads; each method blocks."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._known: OrderedDict[_Key, Markup | None] = OrderedDict()
        self._size = 0
        self._tables = threading.Lock()

    def shown(
        self, opened: Opened, content: bytes, *, folder: TreePath, links: Links, seconds: float
    ) -> Markup | None:
        """Give a document as HTML; None where it isn't rendered, but only shown as text.

        :param content: of the open file, whole.
        :param folder: that it was reached in, from which its links lead.
        :param links: of the view that it is shown in.
        :param seconds: of the processor that this may take.
        """
        key = _Key(signature_of(opened.stat), folder, links, seconds)
        with self._tables:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        try:
            text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
            shown = Markup(render(text, Targets(folder, links), seconds=seconds))
        except Unfit:
            shown = None
        self._keep(key, shown)
        return shown

    def _keep(self, key: _Key, shown: Markup | None) -> None:
        with self._tables:
            if key not in self._known:
                self._known[key] = shown
                self._size += BESIDE + len(shown or "")
            while self._size > ROOM:
                _, gone = self._known.popitem(last=False)
                self._size -= BESIDE + len(gone or "")
