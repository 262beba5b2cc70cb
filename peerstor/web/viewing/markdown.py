"""Markdown as HTML that can do nothing: no HTML of its own, no scripts, no images of other sites, in bounded time.

markdown-it writes nothing but what it knows, links are written anew (`targets`), and nh3 takes out of the result
what should not have been there. Neither is meant for hostile documents of a megabyte: some take minutes, or nest
so deep that whatever reads them ends in a crash. So the time is bounded from within, and what no person writes
isn't rendered.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from peerstor.tree.pace import Pace
from peerstor.web.viewing.headings import name_headings
from peerstor.web.viewing.targets import Targets

if TYPE_CHECKING:  # imported when the first document is shown: they take 7 MiB
    from markdown_it import MarkdownIt
    from markdown_it.token import Token
    from nh3 import Cleaner

LONGEST = 32 * 1024
"""Characters of a paragraph or a block of code: what a longer one takes grows with the square of its length."""

DEEPEST = 60
"""Elements within each other: where people stop, and long before whatever reads HTML does."""

FURTHER = 80
"""How deep the parser goes, which leaves out what lies deeper: far enough that nothing is left out unseen."""

ADDRESSES = 1 << 20
"""Characters of all links together: one definition may be used a hundred thousand times."""

_TAGS = frozenset(
    {"a", "blockquote", "br", "code", "em", "hr", "img", "li", "ol", "p", "pre", "s", "strong", "ul"}
    | {"h2", "h3", "h4", "h5", "h6", "table", "tbody", "td", "th", "thead", "tr"}
)
_HEADINGS = {f"h{level}": {"id"} for level in range(2, 7)}
_ATTRIBUTES = {
    "a": {"href", "title"}, "img": {"src", "alt", "title", "loading"}, "ol": {"start"},
    "td": {"align"}, "th": {"align"}, **_HEADINGS,
}  # fmt: skip


class Unfit(Exception):
    """A document isn't rendered: it takes too long, or is none that a person wrote."""


def render(text: str, targets: Targets, *, seconds: float) -> str:
    """Render a document. Blocks, and lets other threads run all the while.

    :param targets: says where its links lead.
    :param seconds: of the processor that it may take.
    :raise Unfit: it takes longer, nests deeper than `DEEPEST`, has a paragraph longer than `LONGEST`, or is one
        that the parser stumbles over.
    """
    budget = _Budget(seconds)
    parser = _parser()
    env: dict[str, Any] = {"budget": budget}
    try:
        tokens = parser.parse(text, env)
        _Tamed(targets, budget).all(tokens)
        name_headings(tokens)
        written = parser.renderer.render(tokens, parser.options, env)
    except (IndexError, KeyError, RecursionError, ValueError) as error:
        raise Unfit() from error
    budget.check()
    return _cleaner().clean(written)


class _Budget:
    """Counts the steps of the parser, and ends it when its time is over."""

    def __init__(self, seconds: float) -> None:
        self._pace = Pace()
        self._steps = 0
        self._end = time.thread_time() + seconds

    def step(self) -> None:
        """Count one step. Raises Unfit when the time is over."""
        self._pace.step()
        self._steps += 1
        if self._steps % 64 == 0:
            self.check()

    def check(self) -> None:
        """Look at the time; raises Unfit when it is over."""
        if time.thread_time() > self._end:
            raise Unfit()


def _step(state: Any, *_: Any) -> bool:
    """Stand before all rules of the parser, as one that never applies."""
    state.env["budget"].step()
    return False


def _inline(state: Any) -> None:
    """Parse the text of each block, as the parser's own rule does, unless it is too long."""
    for token in state.tokens:
        if len(token.content) > LONGEST:
            raise Unfit()
        if token.type == "inline":
            state.env["budget"].step()
            state.md.inline.parse(token.content, state.md, state.env, token.children)


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": FURTHER}).enable(["table", "strikethrough"])
    # Asked at each line, also within what may be interrupted by another block.
    interrupting: Any = {"alt": ["paragraph", "reference", "blockquote", "list", "table"]}
    parser.block.ruler.before("table", "budget", _step, interrupting)
    parser.inline.ruler.before("text", "budget", _step)
    parser.core.ruler.at("inline", _inline)
    return parser


@cache
def _cleaner() -> Cleaner:
    from nh3 import Cleaner

    return Cleaner(
        tags=set(_TAGS),
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )


def _words(tokens: Sequence[Token]) -> str:
    """Give what an image shows in words, without what else they are."""
    return "".join(_words(token.children) if token.children else token.content for token in tokens)


class _Tamed:
    """Makes of a document's tokens what may stand on a page of ours."""

    def __init__(self, targets: Targets, budget: _Budget) -> None:
        self._targets = targets
        self._budget = budget
        self._written = 0
        self._depth = 0

    def all(self, tokens: Sequence[Token]) -> None:
        """Change tokens, and those in them, in place; raises Unfit for what is too much."""
        hidden: list[bool] = []
        for token in self._counted(tokens):
            if token.type in ("heading_open", "heading_close"):  # the page has a first heading of its own
                token.tag = f"h{min(6, int(token.tag[1]) + 1)}"
            elif token.type == "fence":
                token.info = ""
            elif token.type in ("th_open", "td_open"):
                self._align(token)
            elif token.type == "link_open":
                hidden.append(not self._lead(token))
                token.hidden = hidden[-1]
            elif token.type == "link_close":
                token.hidden = hidden.pop()
            elif token.type == "image":
                self._show(token)
            elif token.children:
                self.all(token.children)

    def _counted(self, tokens: Sequence[Token]) -> Iterator[Token]:
        for token in tokens:
            self._budget.step()
            self._depth += token.nesting
            if self._depth > DEEPEST:
                raise Unfit()
            yield token

    def _lead(self, token: Token) -> bool:
        """Have a link lead where it may, and tell whether it leads anywhere."""
        return self._address(token, "href", self._targets.link(str(token.attrs.get("href", ""))))

    def _show(self, token: Token) -> None:
        """Have an image come from here, or be what it shows in words."""
        if self._address(token, "src", self._targets.image(str(token.attrs.get("src", "")))):
            token.attrs["loading"] = "lazy"
            return
        token.type, token.tag, token.content = "text", "", _words(token.children or ())

    def _address(self, token: Token, name: str, address: str | None) -> bool:
        if address is None:
            return False
        token.attrs[name] = address
        self._written += len(address) + len(str(token.attrs.get("title", "")))
        if self._written > ADDRESSES:
            raise Unfit()
        return True

    @staticmethod
    def _align(token: Token) -> None:
        """Say in an attribute what the parser says in a style, which our policy forbids."""
        style = str(token.attrs.pop("style", ""))
        if style:
            token.attrs["align"] = style.removeprefix("text-align:")
