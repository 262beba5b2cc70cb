"""Browsers beside Chromium, with what tests do in any of them."""

import json
import os
import select
import shutil
import subprocess
from pathlib import Path
from typing import Any, Protocol
from unittest import SkipTest

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import WebKitGTK
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait
from selenium.webdriver.webkitgtk.options import Options
from selenium.webdriver.webkitgtk.service import Service

HERE = Path(__file__)
NODE_MODULES = HERE.parents[2] / "node_modules"
ANSWERS_WITHIN = 60.0
"""Seconds."""

KEYS = {"Enter": Keys.ENTER, "Escape": Keys.ESCAPE, "Delete": Keys.DELETE}


class Engine(Protocol):
    """A browser with one page."""

    def go(self, address: str) -> None:
        """Show a page."""

    def evaluate(self, expression: str) -> Any:
        """Give the value of an expression of JavaScript."""

    def click(self, selector: str) -> None:
        """Click on the first element that a selector finds."""

    def write(self, text: str) -> None:
        """Type into whatever has the focus."""

    def press(self, key: str) -> None:
        """Press a key, by its name as scripts know it."""

    def choose(self, selector: str, path: Path) -> None:
        """Have a file field hold a file."""

    def complaints(self) -> list[str]:
        """Give what went wrong in the page, as far as the browser tells."""

    def close(self) -> None:
        """End it."""


class Firefox:
    """Firefox without a window."""

    def __init__(self) -> None:
        """Start it.

        :raise SkipTest: it isn't installed, or what drives it isn't.
        """
        found = shutil.which("firefox-esr") or shutil.which("firefox")
        if found is None or not (NODE_MODULES / "puppeteer-core").exists():
            raise SkipTest("needs Firefox and `npm install`")
        self._node = subprocess.Popen(
            ["node", HERE.parent / "scripts" / "firefox.js", found],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def _do(self, *order: str) -> Any:
        assert self._node.stdin is not None and self._node.stdout is not None
        print(json.dumps(order), file=self._node.stdin, flush=True)
        if not select.select([self._node.stdout], [], [], ANSWERS_WITHIN)[0]:
            raise TimeoutError(f"Firefox does nothing about {order}")
        answer = json.loads(self._node.stdout.readline())
        if "error" in answer:
            raise RuntimeError(f"{order}: {answer['error']}")
        return answer["value"]

    def go(self, address: str) -> None:
        """See `Engine`."""
        self._do("go", address)

    def evaluate(self, expression: str) -> Any:
        """See `Engine`."""
        return self._do("evaluate", expression)

    def click(self, selector: str) -> None:
        """See `Engine`."""
        self._do("click", selector)

    def write(self, text: str) -> None:
        """See `Engine`."""
        self._do("write", text)

    def press(self, key: str) -> None:
        """See `Engine`."""
        self._do("press", key)

    def choose(self, selector: str, path: Path) -> None:
        """See `Engine`."""
        self._do("choose", selector, str(path))

    def complaints(self) -> list[str]:
        """See `Engine`."""
        told: list[str] = self._do("complaints")
        return told

    def close(self) -> None:
        """See `Engine`."""
        assert self._node.stdin is not None and self._node.stdout is not None
        self._node.stdin.close()
        try:
            self._node.wait(timeout=ANSWERS_WITHIN)
        finally:
            self._node.kill()
            self._node.stdout.close()


class WebKit:
    """WebKit as GTK has it, the nearest to Safari that runs here, on a screen that nobody sees."""

    def __init__(self) -> None:
        """Start it.

        :raise SkipTest: it isn't installed.
        """
        driver, screen = shutil.which("WebKitWebDriver"), shutil.which("Xvfb")
        browsers = sorted(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"))
        if driver is None or screen is None or not browsers:
            raise SkipTest("needs WebKitWebDriver and Xvfb")
        reading, writing = os.pipe()
        self._screen = subprocess.Popen(
            [screen, "-displayfd", str(writing), "-screen", "0", "1280x1024x24", "-nolisten", "tcp"],
            pass_fds=[writing],
            stderr=subprocess.DEVNULL,
        )
        os.close(writing)
        with open(reading) as told:
            display = f":{told.readline().strip()}"
        options = Options()
        options.binary_location = str(browsers[-1])
        options.add_argument("--automation")
        service = Service(driver, env=os.environ | {"DISPLAY": display})
        try:
            self._driver = WebKitGTK(options=options, service=service)
        except BaseException:
            self._end_screen()
            raise
        self._driver.set_window_size(1200, 900)

    def go(self, address: str) -> None:
        """See `Engine`."""
        self._driver.get(address)
        self._driver.execute_script(
            "window.complaints = []; const note = (e) => complaints.push(String(e.message ?? e.reason));"
            "addEventListener('error', note); addEventListener('unhandledrejection', note);"
        )

    def evaluate(self, expression: str) -> Any:
        """See `Engine`."""
        return self._driver.execute_script(f"return {expression}")

    def click(self, selector: str) -> None:
        """See `Engine`."""
        # Rows may be exchanged between the two.
        again = WebDriverWait(self._driver, ANSWERS_WITHIN, ignored_exceptions=[StaleElementReferenceException])
        again.until(lambda driver: driver.find_element(By.CSS_SELECTOR, selector).click() or True)

    def write(self, text: str) -> None:
        """See `Engine`."""
        ActionChains(self._driver).send_keys(text).perform()

    def press(self, key: str) -> None:
        """See `Engine`."""
        ActionChains(self._driver).send_keys(KEYS[key]).perform()

    def choose(self, selector: str, path: Path) -> None:
        """See `Engine`."""
        self._driver.find_element(By.CSS_SELECTOR, selector).send_keys(str(path))

    def complaints(self) -> list[str]:
        """See `Engine`."""
        told: list[str] = self.evaluate("window.complaints")
        return told

    def close(self) -> None:
        """See `Engine`."""
        try:
            self._driver.quit()
        finally:
            self._end_screen()

    def _end_screen(self) -> None:
        self._screen.terminate()
        self._screen.wait(timeout=ANSWERS_WITHIN)
