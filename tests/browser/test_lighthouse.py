"""What Lighthouse gives the pages on a phone with a slow line, as it simulates them."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from unittest import SkipTest

import pytest

from tests.browser.stage import BrowserCase

LIGHTHOUSE = Path(__file__).parents[2] / "node_modules" / ".bin" / "lighthouse"
CATEGORIES = ("performance", "accessibility", "best-practices")
ENOUGH = 0.95
TRIES = 8
"""A machine that does other things at that moment makes a page look slower than it is, never faster."""


@pytest.mark.slow
@pytest.mark.timeout(1800)
class LighthouseTest(BrowserCase):
    """On a server where everybody may do everything: its pages have the most on them."""

    options = ("--anonymous", "full")

    def setUp(self) -> None:
        """Have files to show."""
        super().setUp()
        if not LIGHTHOUSE.exists():
            raise SkipTest("needs `npm install`")
        for number in range(100):
            (self.storage / f"{number}.txt").write_text("." * number)
        (self.storage / "README.md").write_text("# About these files\n")

    def scores(self, path: str) -> dict[str, float]:
        """Give a page's score in each category, from 0 to 1."""
        subprocess.run(
            [
                LIGHTHOUSE,
                self.origin + path,
                "--quiet",
                "--output=json",
                f"--output-path={self.folder / 'report.json'}",
                f"--only-categories={','.join(CATEGORIES)}",
                "--chrome-flags=--headless=new --no-sandbox --disable-gpu",
            ],
            env=os.environ | {"CHROME_PATH": shutil.which("chromium") or ""},
            check=True,
            capture_output=True,
            timeout=120,
        )
        found = json.loads((self.folder / "report.json").read_text())["categories"]
        return {category: float(found[category]["score"]) for category in CATEGORIES}

    def assert_enough(self, path: str) -> None:
        """Fail unless one of a few looks gives at least what is asked for in all categories."""
        tries: list[dict[str, float]] = []
        while len(tries) < TRIES:
            try:
                tries.append(self.scores(path))
            except (subprocess.SubprocessError, TypeError) as error:  # it didn't come to an end, or gave no score
                tries.append({str(error): 0})
            if min(tries[-1].values()) >= ENOUGH:
                return
        self.fail(f"{path}: {tries}")

    def test_listing(self) -> None:
        """The page that people see most."""
        self.assert_enough("")

    def test_trash(self) -> None:
        """A page of forms."""
        self.page.request.post(f"{self.origin}api/delete?path=/1.txt")
        self.assert_enough("-/trash")
