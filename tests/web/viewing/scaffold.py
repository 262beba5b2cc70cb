"""A house with files to look at."""

import re
from html import unescape
from typing import Any, ClassVar

from twisted.trial.unittest import SynchronousTestCase

from tests.web.house import Answer, House

PAGE = {"Accept": "text/html"}


class ViewingCase(SynchronousTestCase):
    """An open server; `look` gives pages as a browser asks for them."""

    settings: ClassVar[dict[str, Any]] = {}

    def setUp(self) -> None:
        self.house = House(**self.settings)
        self.addCleanup(self.house.close)

    def look(self, target: str | bytes, who: dict[str, str] | None = None) -> Answer:
        """Ask for a page."""
        return self.house.ask("GET", target, headers={**PAGE, **(who or {})})

    def page(self, target: str | bytes, who: dict[str, str] | None = None) -> str:
        """Give the text of a page that is there."""
        answer = self.look(target, who)
        self.assertEqual(answer.status, 200, (target, answer.body[-500:]))
        return answer.body.decode()


def turns(page: str) -> dict[str, str]:
    """Give where the links to the files beside lead."""
    return {rel: unescape(href) for rel, href in re.findall(r'rel="(prev|next)" href="([^"]*)"', page)}
