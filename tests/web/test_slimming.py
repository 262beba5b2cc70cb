"""Scripts and styles as browsers get them."""

import json
import shutil
import subprocess
import tempfile
from importlib.resources import files
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from peerstor.web.links import Links
from peerstor.web.pages import Pages
from peerstor.web.slimming import slim

SCRIPTS, STYLES = 60_000, 20_000
"""Bytes, uncompressed, that all of them have together at most."""


class Slimming(SynchronousTestCase):
    def setUp(self) -> None:
        folder = files("peerstor.web") / "static"
        self.sent = {entry.name: slim(entry.name, entry.read_bytes()) for entry in folder.iterdir()}

    def total(self, suffix: str) -> int:
        """Count the bytes of all files of a kind."""
        return sum(len(content) for name, content in self.sent.items() if name.endswith(suffix))

    def test_budget(self) -> None:
        """All scripts, and all styles, stay small enough for a slow line."""
        self.assertLess(self.total(".js"), SCRIPTS)
        self.assertLess(self.total(".css"), STYLES)
        self.assertGreater(self.total(".js"), SCRIPTS / 10)

    def test_what_goes(self) -> None:
        """Comments and needless space go; code and texts stay as they are."""
        source = b'/**\n * Says so.\n */\nexport const a = /** @type {any} */ ("b  c // d");\n\n  // why\n  f(`\\u200c`);\n'
        self.assertEqual(slim("x.js", source), b'export const a=("b  c // d");f(`\\u200c`);')
        self.assertEqual(slim("x.css", b"a {\n  /* why */\n  b: c;\n}\n"), b"a{b:c}")
        self.assertEqual(slim("x.svg", b"  <svg/>\n"), b"  <svg/>\n")

    def test_served(self) -> None:
        """What is served is what was made slim."""
        pages = Pages(links=Links())
        kind, content = pages.static(pages.digest, "page.js")
        self.assertEqual((kind.partition(";")[0], content), ("text/javascript", self.sent["page.js"]))

    def test_still_scripts(self) -> None:
        """Each is still a script that can be read."""
        node = shutil.which("node")
        if node is None:
            raise SkipTest("needs node")
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "package.json").write_text(json.dumps({"type": "module"}))
            for name, content in self.sent.items():
                if name.endswith(".js"):
                    (folder / name).write_bytes(content)
                    subprocess.run([node, "--check", folder / name], check=True, timeout=60)
