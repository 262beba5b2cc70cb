"""Files that somebody drags onto the page, or says aloud what becomes of them."""

from pathlib import Path

from playwright.sync_api import Page

LISTEN = """() => {
    window.heard = [];
    const said = document.querySelector("#said");
    new MutationObserver(() => window.heard.push(said.textContent)).observe(said, {childList: true});
}"""


def drop(page: Page, *paths: Path, at: tuple[int, int] = (5, 5)) -> None:
    """Drag files and folders onto a point of the window, as from a file manager, and let go."""
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": at[0], "y": at[1], "data": data})
    session.detach()


def listen(page: Page) -> None:
    """Write down from here on what assistive technology is told to say."""
    page.evaluate(LISTEN)


def heard(page: Page) -> list[str]:
    """Give what was said."""
    return [str(sentence) for sentence in page.evaluate("() => window.heard")]
