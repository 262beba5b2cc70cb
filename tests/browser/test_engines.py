"""The page in browsers of other makers: one walk through what people do with it."""

import os
import shutil
import tempfile
import time
from pathlib import Path
from urllib.request import Request, urlopen

from twisted.trial.unittest import SynchronousTestCase

from tests.browser.engines import Engine, Firefox, WebKit
from tests.browser.server import Server
from tests.browser.stage import WITHIN

MANY = 3000
NAMES = "[...document.querySelectorAll('#listing tbody th bdi')].map((name) => name.textContent)"


class Walk(SynchronousTestCase):
    """A server where everybody may do everything, and a browser."""

    engine: Engine

    def setUp(self) -> None:
        """Have some files and many."""
        self.folder = Path(tempfile.mkdtemp(prefix="peerstor-browser-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.storage = self.folder / "storage"
        (self.storage / "many").mkdir(parents=True)
        for number in range(MANY):
            (self.storage / "many" / f"{number:05}.txt").touch()
        for name in ("a.txt", "b.txt", "c.md"):
            (self.storage / name).write_text(name)
        self.server = Server(self.storage, "--anonymous", "full")
        self.server.start()
        self.addCleanup(self.server.stop)

    def wait(self, condition: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + WITHIN / 1000
        while not self.engine.evaluate(f"Boolean({condition})"):
            self.assertLess(time.monotonic(), end, f"never: {condition}")
            time.sleep(0.05)

    def toast(self, words: str) -> None:
        """Wait until a message says something."""
        self.wait(f"document.querySelector('#toast')?.textContent.includes('{words}')")

    def order(self, act: str) -> None:
        """Choose from the menu of the second row."""
        self.engine.click("#listing tbody tr:nth-child(2) .more")
        self.wait("document.querySelector('.menu:popover-open')")
        self.engine.click(f'.menu [data-act="{act}"]')

    def walk(self) -> None:
        """Open, filter, select, delete, undo, rename, make, look, upload, hear of others, sort, scroll."""
        engine = self.engine
        engine.go(self.server.address)
        self.wait("document.querySelector('html.scripted')")
        engine.click("#filter")
        engine.write("b.t")
        self.wait(f"{NAMES}.join() === 'b.txt'")
        engine.evaluate("Object.assign(filter, { value: '' }).dispatchEvent(new Event('input'))")
        engine.click("#listing tbody tr:nth-child(2) .mtime")
        self.wait("document.querySelector('#count').textContent === '1 selected'")
        engine.press("Delete")
        self.toast("“b.txt” moved to the trash.")
        engine.click("#toast button")
        self.toast("It is back.")
        self.wait(f"{NAMES}[1] === 'b.txt'")
        self.order("rename")
        self.wait("document.activeElement.matches('.renaming')")
        engine.write("new")
        engine.press("Enter")
        self.toast("Renamed to “new.txt”.")
        engine.click("#new-folder")
        self.wait("document.querySelector('dialog[open] input')")
        engine.write("made here")
        engine.press("Enter")
        self.toast("Folder “made here” made.")
        self.assertTrue((self.storage / "made here").is_dir())
        engine.click("#listing tbody th a:not(.folder)")
        self.wait("document.querySelector('dialog.preview[open] pre')?.textContent.includes('a.txt')")
        engine.press("Escape")
        self.wait("!document.querySelector('dialog.preview[open]')")
        content = os.urandom(20_000_000)
        (self.folder / "sent.bin").write_bytes(content)
        engine.choose("input[data-choose=choose]", self.folder / "sent.bin")
        self.wait(f"{NAMES}.includes('sent.bin')")
        self.assertEqual((self.storage / "sent.bin").read_bytes(), content)
        urlopen(Request(f"{self.server.address}others.txt", method="PUT", data=b"x"), timeout=30).close()
        self.wait(f"{NAMES}.includes('others.txt')")
        engine.click("thead .size a")
        self.wait("document.querySelector('th.size[aria-sort]')")
        self.wait(f"{NAMES}.at(-1) === 'sent.bin'")
        engine.go(f"{self.server.address}many/?")
        self.wait("document.querySelector('.windowed')")
        engine.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        self.wait(f"{NAMES}.at(-1) === '{MANY - 1:05}.txt'")
        self.assertEqual(engine.complaints(), [])


class FirefoxTest(Walk):
    """In Firefox."""

    def test_walk(self) -> None:
        """All works, and nothing is complained of."""
        self.engine = Firefox()
        self.addCleanup(self.engine.close)
        self.walk()


class WebKitTest(Walk):
    """In WebKit, which is in Safari and in every browser of an iPhone."""

    def test_walk(self) -> None:
        """All works, and nothing is complained of."""
        self.engine = WebKit()
        self.addCleanup(self.engine.close)
        self.walk()
