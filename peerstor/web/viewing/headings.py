"""Names for the headings of a document, so that its own table of contents leads to them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from peerstor.web.viewing.targets import ANCHOR

if TYPE_CHECKING:
    from markdown_it.token import Token

LONGEST = 200
"""Characters of a name."""

_DROPPED = re.compile(r"[^\w\- ]")


def name_headings(tokens: Sequence[Token]) -> None:
    """Give each heading an id: its text in small letters, `-` for blanks, a number where it is there already."""
    given: dict[str, int] = {}
    for heading, inline in pairwise(tokens):
        if heading.type == "heading_open":
            name = _DROPPED.sub("", inline.content.lower()[:LONGEST]).strip().replace(" ", "-")
            count = given[name] = given.get(name, -1) + 1
            heading.attrs["id"] = f"{ANCHOR}{name}-{count}" if count else f"{ANCHOR}{name}"
