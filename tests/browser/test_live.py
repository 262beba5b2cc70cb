"""A page that shows by itself what others do, and says in words what is wrong between it and the server."""

import os
import re
import time
from typing import Any
from urllib.request import Request, urlopen

from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.stage import WITHIN, BrowserCase
from tests.browser.test_looks import AXE, SCHEMES
from tests.integration.test_token_command import token

MANY = 1500
EVENTS, FURTHER = re.compile("/api/events"), re.compile("[?&]cursor=")
HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
"""What a browser does when another tab is put before this one; here all pages are in front."""

TELL = "(message) => new BroadcastChannel('peerstor:').postMessage(message)"
"""What the tab that listens says to all others."""


class LiveCase(BrowserCase):
    """A server that tells how many listen."""

    options: tuple[str, ...] = ("--anonymous", "full", "--metrics-open")

    def setUp(self) -> None:
        super().setUp()
        for name in ("b.txt", "d.txt"):
            (self.storage / name).write_text(name)
        (self.storage / "inner").mkdir()

    def put(self, path: str, content: bytes = b"x") -> None:
        """Have somebody else put a file there."""
        urlopen(Request(self.server.address + path, method="PUT", data=content), timeout=WITHIN / 1000).close()

    def streams(self) -> int:
        """Count those who listen."""
        with urlopen(f"{self.server.address}-/metrics", timeout=WITHIN / 1000) as answer:
            found = re.search(rb"^peerstor_event_streams (\d+)", answer.read(), re.MULTILINE)
        assert found is not None
        return int(found[1])

    def wait_streams(self, count: int) -> None:
        """Wait until so many listen."""
        end = time.monotonic() + WITHIN / 1000
        while self.streams() != count:
            self.assertLess(time.monotonic(), end, f"{self.streams()} listen and not {count}")
            self.page.wait_for_timeout(50)

    def open(self, path: str = "", page: Page | None = None) -> Page:
        """Show a folder, and wait until somebody listens for it."""
        page = page or self.page
        page.goto(self.origin + path)
        page.locator("html.scripted").wait_for()
        self.wait_streams(1)
        return page

    def wait_name(self, name: str, page: Page | None = None) -> Locator:
        """Wait until a name is shown."""
        found = (page or self.page).locator("#listing tbody th.name bdi").get_by_text(name, exact=True)
        found.wait_for()
        return found

    def wait_words(self, words: str) -> Locator:
        """Wait until the page says what is wrong."""
        bar = self.page.locator("#state").filter(has_text=words)
        bar.wait_for()
        return bar

    def wait_fine(self) -> None:
        """Wait until nothing is wrong."""
        self.page.locator("#state").wait_for(state="hidden")
        self.page.locator("#said").filter(has_text="Connected again.").wait_for()


class LiveTest(LiveCase):
    """On a server where everybody may do everything."""

    def test_others(self) -> None:
        """What others add, rename and delete shows without a reload, also what is done directly on the disk."""
        self.open()
        self.page.evaluate("() => { window.kept = true; }")
        self.put("c.txt")
        self.wait_name("c.txt")
        self.assertEqual(self.names(), ["b.txt", "c.txt", "d.txt", "inner"])
        os.rename(self.storage / "b.txt", self.storage / "e.txt")
        self.wait_name("e.txt")
        os.unlink(self.storage / "c.txt")
        self.page.wait_for_function("() => document.querySelectorAll('#listing tbody tr').length === 3")
        self.assertEqual(self.names(), ["d.txt", "e.txt", "inner"])
        self.assertTrue(self.page.evaluate("window.kept"))

    def test_empty_folder(self) -> None:
        """A folder that is empty invites, and shows the first file as it comes."""
        self.open("inner/")
        self.page.get_by_text("This folder is empty.").wait_for()
        self.put("inner/first.txt")
        self.wait_name("first.txt")
        self.page.get_by_role("searchbox").wait_for()

    def test_readme(self) -> None:
        """A README that comes, changes or goes does so below the listing, too."""
        self.open()
        below = self.page.get_by_role("region", name="README.md")
        for content in (b"First *words*.", b"Other words."):
            self.put("README.md", content)
            below.get_by_text(content.decode().replace("*", "")).wait_for()
        os.unlink(self.storage / "README.md")
        below.wait_for(state="detached")

    def test_nothing_is_disturbed(self) -> None:
        """Selection, focus and filter stay as they are, and so does a name that is being changed."""
        self.open()
        self.page.get_by_label("Select d.txt").check()
        self.page.get_by_role("searchbox").fill(".txt")
        self.page.get_by_role("link", name="d.txt", exact=True).focus()
        self.put("c.txt")
        self.wait_name("c.txt")
        self.assertTrue(self.page.get_by_label("Select d.txt").is_checked())
        self.assertEqual(self.names(), ["b.txt", "c.txt", "d.txt"])
        expect(self.page.locator(":focus")).to_have_text("d.txt")
        self.page.get_by_label("Actions for d.txt").click()
        self.page.locator(".menu").get_by_text("Rename", exact=True).click()
        self.page.keyboard.type("halfway")
        self.put("a.txt")
        self.page.wait_for_timeout(1500)
        self.assertEqual(self.page.locator(".renaming").input_value(), "halfway.txt")
        self.page.keyboard.press("Escape")
        self.wait_name("a.txt")

    def test_click_begun(self) -> None:
        """A click that had begun when news came still does what it is for."""
        self.open()
        self.page.get_by_role("columnheader").get_by_role("link", name="Name").hover()
        self.page.mouse.down()
        self.put("c.txt")
        self.page.wait_for_timeout(1500)
        self.page.mouse.up()
        self.page.locator("th[aria-sort=descending]", has_text="Name").wait_for()
        self.wait_name("c.txt")

    def test_focus_on_what_goes(self) -> None:
        """When the entry that has the focus goes, its neighbour gets it: the keyboard goes on from there."""
        self.open()
        self.page.get_by_role("link", name="b.txt", exact=True).focus()
        os.unlink(self.storage / "b.txt")
        self.page.wait_for_function("() => document.querySelectorAll('#listing tbody tr').length === 2")
        expect(self.page.locator(":focus")).to_have_text("d.txt")

    def test_keys_mean_what_is_seen(self) -> None:
        """A key means the row with the focus, else what is selected, else nothing, whatever has come above since."""
        self.open()
        rows, press = self.page.locator("#listing tbody tr"), self.page.keyboard.press
        rows.filter(has_text="b.txt").locator(".size").click()
        press("Escape")
        self.put("aa.txt")
        self.wait_name("aa.txt")
        press("Delete")
        rows.filter(has_text="d.txt").locator(".size").click()
        self.put("ab.txt")
        self.wait_name("ab.txt")
        press("F2")
        self.page.get_by_label("New name of d.txt").wait_for()
        press("Escape")
        press("Escape")
        self.page.get_by_role("link", name="b.txt", exact=True).focus()
        self.page.get_by_role("columnheader").get_by_role("link", name="Size").focus()
        press("Delete")
        self.page.wait_for_timeout(500)
        self.assertEqual(self.names(), ["aa.txt", "ab.txt", "b.txt", "d.txt", "inner"])

    def test_nothing_moves(self) -> None:
        """What the reader points to, or sees first, stays where it is, in long lists too."""
        for count in (300, MANY):
            for number in range(count):
                (self.storage / f"m{number:04}.txt").touch()
            self.open()
            row = self.page.get_by_role("link", name="m0200.txt", exact=True)
            self.page.evaluate("scrollTo({ top: 200 * 53, behavior: 'instant' })")
            for pointed in (True, False):
                row.wait_for()
                row.hover() if pointed else self.page.mouse.move(1, 1)
                before = self.height_of(row)
                version = self.page.locator("#listing").get_attribute("data-version")
                self.put(f"a{count}{pointed}.txt")
                self.page.wait_for_function(
                    "(version) => document.querySelector('#listing').dataset.version !== version", arg=version
                )
                self.assertAlmostEqual(before, self.height_of(row), delta=1)

    def test_columns_of_many(self) -> None:
        """In a long list, too, each cell has the room that its content takes."""
        for number in range(MANY):
            (self.storage / f"m{number:04}.txt").touch()
        self.page.set_viewport_size({"width": 1280, "height": 800})
        self.open()
        self.page.locator("#listing.windowed").wait_for()
        row = self.page.locator("#listing tbody tr", has_text="m0001.txt")
        for cell in row.locator("td").all():
            self.assertTrue(cell.evaluate("(cell) => cell.scrollWidth <= cell.clientWidth"), cell.inner_text())

    def height_of(self, row: Locator) -> float:
        """Where a row stands in the window, in pixels; in a long list it may be drawn anew at this very moment."""
        end = time.monotonic() + WITHIN / 1000
        while (box := row.bounding_box()) is None:
            self.assertLess(time.monotonic(), end)
        return box["y"]

    def test_own_deeds(self) -> None:
        """What somebody does on the page itself has the listing taken once, not again when it is heard of.

        Once more only where a busy machine was so slow that the folder's clock had moved on between the two.
        """
        os.utime(self.storage, (1e9, 1e9))  # or it would be looked at again, as whatever has just changed is
        self.open()
        taken: list[str] = []
        self.page.on("request", lambda request: taken.append(request.url) if request.url == self.origin else None)
        self.page.get_by_role("link", name="New folder").click()
        self.page.get_by_role("dialog").get_by_label("Its name").fill("new one")
        self.page.get_by_role("dialog").get_by_role("button", name="Make the folder").click()
        self.wait_name("new one")
        self.page.wait_for_timeout(3000)
        self.assertIn(len(taken), (1, 2))


class TabsTest(LiveCase):
    """Several tabs of one browser."""

    def test_one_stream(self) -> None:
        """All tabs share one stream, whatever folders they show; when the one that holds it goes, another takes it."""
        self.open()
        other = self.open("inner/", self.context.new_page())
        third = self.open("inner/", self.context.new_page())
        self.put("c.txt")
        self.put("inner/first.txt")
        self.wait_name("c.txt")
        self.wait_name("first.txt", other)
        self.wait_name("first.txt", third)
        self.wait_streams(1)
        self.page.close()
        self.put("inner/second.txt")
        self.wait_name("second.txt", other)
        self.wait_name("second.txt", third)
        self.wait_streams(1)
        self.page = other

    def test_hidden(self) -> None:
        """Nobody listens for a tab that nobody sees; when it is seen again, it shows what has happened since."""
        self.open()
        other = self.open("inner/", self.context.new_page())
        self.page.evaluate(HIDE, True)
        self.put("inner/first.txt")
        self.wait_name("first.txt", other)
        other.evaluate(HIDE, True)
        self.wait_streams(0)
        self.put("c.txt")
        self.page.evaluate(HIDE, False)
        self.wait_name("c.txt")
        self.wait_streams(1)

    def test_without_locks(self) -> None:
        """Where a browser has no locks (plain HTTP in a network), each tab that is seen listens for itself."""
        self.context.add_init_script("delete Navigator.prototype.locks")
        self.open()
        other = self.context.new_page()
        other.goto(f"{self.origin}inner/")
        self.wait_streams(2)
        self.put("c.txt")
        self.put("inner/first.txt")
        self.wait_name("c.txt")
        self.wait_name("first.txt", other)
        self.page.evaluate(HIDE, True)
        self.wait_streams(1)

    def test_uploads_go_on(self) -> None:
        """Beside the stream of several tabs there are connections enough for uploads."""
        self.open()
        for _ in range(7):
            self.context.new_page().goto(self.origin)
        files = [self.make_file(f"{number}.bin", 3_000_000) for number in range(4)]
        self.choose(*files)
        for file in files:
            self.wait_done(file.name)
        self.wait_streams(1)


class TroubleTest(LiveCase):
    """When something is wrong between the page and the server."""

    tolerated = (
        "ERR_CONNECTION_REFUSED",
        "ERR_INCOMPLETE_CHUNKED",
        "ERR_INTERNET_DISCONNECTED",
        "status of 4",
        "status of 5",
        "ERR_EMPTY",
        "ERR_CONNECTION_RESET",
    )

    def test_restart(self) -> None:
        """When the server goes, the page says so; when it is back, it recovers and shows what it has missed."""
        self.open()
        self.server.stop()
        self.wait_words("The server doesn’t answer. Trying again…")
        (self.storage / "meanwhile.txt").touch()
        self.server.start()
        self.wait_fine()
        self.wait_name("meanwhile.txt")
        self.wait_streams(1)

    def test_offline(self) -> None:
        """Without a network the page says so at once, and what is done then; with it, all is well again."""
        self.open()
        self.put("first.txt")
        self.wait_name("first.txt")  # by then it has heard of the server, which would end what it says
        self.context.set_offline(True)
        self.wait_words("You are offline.")
        self.page.get_by_label("Select d.txt").check()
        self.page.keyboard.press("Delete")
        self.page.locator("#toast").filter(
            has_text="Not deleted: d.txt: You are offline. Try again later."
        ).wait_for()
        self.context.set_offline(False)
        self.wait_fine()
        self.put("c.txt")
        self.wait_name("c.txt")

    def test_asks(self) -> None:
        """Where streams fail, the page asks instead, and listens again as soon as it can."""
        self.page.route(EVENTS, self.without_streams)
        self.page.goto(self.origin)
        self.page.locator("html.scripted").wait_for()
        self.put("c.txt")
        self.wait_name("c.txt")
        self.assertEqual(self.streams(), 0)
        self.page.unroute(EVENTS)
        self.wait_streams(1)
        self.page.locator("#state").wait_for(state="hidden")

    def without_streams(self, route: Any) -> None:
        """Answer as if there were too many streams."""
        if route.request.resource_type == "eventsource":
            route.fulfill(status=429, body="")
        else:
            route.continue_()

    def test_page_that_fails(self) -> None:
        """Of a long folder all is shown, in as many tries as it takes; where one is refused, news still come."""
        for number in range(MANY):
            (self.storage / f"m{number:04}.txt").touch()
        for refusals in ([0, 503], [404]):
            self.refusals = list(refusals)
            self.page.route(FURTHER, self.refuse)
            self.open()
            if refusals == [404]:
                self.put("a.txt")
            self.page.get_by_role("searchbox").fill("m14")
            self.wait_names(*[f"m14{number:02}.txt" for number in range(100)])
            self.page.unroute(FURTHER)

    def test_page_that_comes_late(self) -> None:
        """What is done while a long folder's further rows are on their way shows when they have come, too."""
        for number in range(MANY):
            (self.storage / f"m{number:04}.txt").touch()
        held: list[Route] = []
        self.page.route(FURTHER, lambda route: route.continue_() if held else held.append(route))
        self.page.route(EVENTS, lambda route: route.abort("connectionrefused"))  # no news may mend it
        self.page.goto(self.origin)
        self.page.get_by_role("link", name="New folder").click()
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_label("Its name").fill("a new one")
        with self.page.expect_response(re.compile("/api/folder")):
            dialog.get_by_role("button", name="Make the folder").click()
        self.page.wait_for_timeout(1000)  # in which the listing could be taken anew, and must not be
        self.assertEqual(len(held), 1)
        with self.page.expect_request(EVENTS):  # as soon as it has all rows
            held[0].continue_()
        self.page.locator("#toast").filter(has_text="Folder “a new one” made.").wait_for()
        self.page.get_by_role("searchbox").fill("a new")
        self.wait_names("a new one")
        self.page.get_by_role("searchbox").fill("m14")
        self.wait_names(*[f"m14{number:02}.txt" for number in range(100)])

    def refuse(self, route: Route) -> None:
        """Answer as long as there are refusals by those; 0 is no answer."""
        if not self.refusals:
            route.continue_()
        elif status := self.refusals.pop(0):
            route.fulfill(status=status, body="")
        else:
            route.abort("connectionrefused")

    def test_news_that_fail(self) -> None:
        """Where the listing couldn't be taken anew, it is as soon as its version is told again, and not all the time."""
        self.open()
        taken: list[str] = []
        self.page.on("request", lambda request: taken.append(request.url) if request.url == self.origin else None)
        self.page.route(self.origin, lambda route: route.abort("connectionrefused"))
        with self.page.expect_event("requestfailed"):
            (self.storage / "c.txt").touch()
            os.utime(self.storage, (1e9, 1e9))  # a folder that has just changed is told once more by itself
        self.page.wait_for_timeout(3000)
        self.assertIn(len(taken), (1, 2))
        self.assertNotIn("c.txt", self.names())
        self.page.unroute(self.origin)
        self.page.evaluate("dispatchEvent(new Event('online'))")
        self.wait_name("c.txt")

    def test_folder_that_goes(self) -> None:
        """When the folder goes the page says so and leads out; when it is back, it is shown again."""
        self.open("inner/")
        os.rename(self.storage / "inner", self.storage / "away")
        bar = self.wait_words("This folder is gone")
        self.assertEqual(bar.get_by_role("link").get_attribute("href"), "..")
        os.rename(self.storage / "away", self.storage / "inner")
        self.wait_fine()
        self.put("inner/new.txt")
        self.wait_name("new.txt")

    def test_folder_that_is_gone_when_asked_for(self) -> None:
        """So it is where the page begins to listen while the folder is gone."""
        self.open("inner/")
        os.rename(self.storage / "inner", self.storage / "away")
        self.wait_words("This folder is gone")
        with self.page.expect_response(lambda told: told.status == 404 and told.request.resource_type == "xhr"):
            self.page.evaluate("dispatchEvent(new Event('online'))")
        os.rename(self.storage / "away", self.storage / "inner")
        self.wait_fine()

    def test_folder_that_another_tab_says_is_gone(self) -> None:
        """So it is in a tab that is told so by the one that listens; and it doesn't ask all the time."""
        self.open()
        other = self.open("inner/", self.context.new_page())
        asked: list[str] = []
        self.page.on("request", lambda request: asked.append(request.url) if EVENTS.search(request.url) else None)
        self.page.evaluate(TELL, {"news": {"path": "/inner/", "version": None}})
        bar = other.locator("#state")
        bar.filter(has_text="This folder is gone").wait_for()
        bar.wait_for(state="hidden")
        self.assertIn(len(asked), range(1, 6))  # one for the look; some more on a busy machine

    def test_full_disk_and_refused_name(self) -> None:
        """What is refused is told with what to do about it."""
        self.open()
        told = {"error": "no_space", "message": "There is no room left.", "free": 0}
        self.page.route(re.compile("/api/copy"), lambda route: route.fulfill(status=507, json=told))
        self.page.get_by_label("Actions for d.txt").click()
        self.page.locator(".menu").get_by_text("Move or copy").click()
        self.page.get_by_role("dialog").get_by_role("button", name="Copy here").click()
        toast = self.page.locator("#toast").filter(has_text="Not copied: d.txt: There is no room left.")
        toast.filter(has_text="Empty the trash, or ask the server’s owner for room.").wait_for()
        self.page.get_by_role("link", name="New folder").click()
        field = self.page.get_by_role("dialog").get_by_label("Its name")
        field.fill("é" * 200)
        self.page.keyboard.press("Enter")
        self.page.wait_for_function("() => document.querySelector('dialog input').validationMessage")
        self.assertIn("Use up to 255 bytes", field.evaluate("field => field.validationMessage"))


class SignedInCase(LiveCase):
    """With a named token."""

    options = ("--metrics-open",)
    tolerated = ("status of 401",)
    rights = "read,create,change"

    def setUp(self) -> None:
        super().setUp()
        made = token("add", "laptop", "--storage", str(self.storage), "--rights", self.rights)
        token("add", "other", "--storage", str(self.storage))  # so that the server stays closed without the first
        self.secret = made.stdout.decode().strip()
        self.sign_in()

    def sign_in(self) -> None:
        """Sign in, by the page that asks for it."""
        end = time.monotonic() + WITHIN / 1000
        while self.page.goto(self.origin) and "/-/login" not in self.page.url:
            self.assertLess(time.monotonic(), end, "the token closes the server")
        self.give_token()
        self.page.locator("html.scripted").wait_for()

    def give_token(self) -> None:
        """Fill the form in, again where the server hasn't heard of the token yet."""
        end = time.monotonic() + WITHIN / 1000
        while "/-/login" in self.page.url:
            self.assertLess(time.monotonic(), end, "the token lets in")
            self.page.get_by_label("Your access token").fill(self.secret)
            with self.page.expect_navigation():
                self.page.get_by_role("button", name="Sign in").click()
        self.wait_streams(1)


class SignedInTest(SignedInCase):
    """With a token that may do all but make links."""

    def test_expired_login(self) -> None:
        """When the token ends in the middle, the page says so, and signing in leads back to the same folder."""
        self.page.goto(f"{self.origin}inner/?sort=size")
        self.wait_streams(1)
        token("revoke", "laptop", "--storage", str(self.storage))
        bar = self.wait_words("You are signed out.")
        self.secret = token("add", "again", "--storage", str(self.storage)).stdout.decode().strip()
        bar.get_by_role("link", name="Sign in").click()
        self.page.wait_for_url("**/-/login*")
        self.give_token()
        self.page.wait_for_url(f"{self.origin}inner/?sort=size")

    def test_deed_after_the_end(self) -> None:
        """What is done when the login has ended is refused in words, with the way out."""
        self.page.route(EVENTS, lambda route: route.abort())
        self.page.evaluate(HIDE, True)
        token("revoke", "laptop", "--storage", str(self.storage))
        self.tolerated = (*self.tolerated, "ERR_FAILED")
        self.page.get_by_label("Select d.txt").check()
        self.page.keyboard.press("Delete")
        self.page.locator("#toast").filter(
            has_text="Sign in first. Do so in another tab, then try again here."
        ).wait_for()
        self.wait_words("You are signed out.")

    def test_me(self) -> None:
        """The head of the page leads to what one may do, where one can sign out; axe finds nothing there."""
        self.page.get_by_role("link", name="Signed in as laptop").click()
        self.page.get_by_role("heading", name="What you may do").wait_for()
        self.page.get_by_text("You may rename, move, replace and delete").wait_for()
        self.page.get_by_text("You may not make links for others").wait_for()
        self.page.get_by_role("main").get_by_role("button", name="Sign out").click()
        self.page.wait_for_url("**/-/login")

    def test_axe(self) -> None:
        """Axe finds nothing on the page of what one may do, nor in what is said of trouble."""
        context = self.new_context(bypass_csp=True, storage_state=self.context.storage_state())
        self.page = context.new_page()
        self.tolerated = (*self.tolerated, "ERR_FAILED")
        self.page.route(EVENTS, lambda route: route.abort())  # which would tell it that all is well
        for scheme in SCHEMES:
            self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            for path in ("-/me", ""):
                self.go(path)
                if not path:
                    self.page.evaluate("() => dispatchEvent(new Event('offline'))")
                    self.page.locator("#state").wait_for()
                self.page.add_script_tag(path=AXE)
                found = self.page.evaluate("axe.run().then((result) => result.violations)")
                self.assertEqual([(one["id"], [node["html"] for node in one["nodes"]]) for one in found], [])


class ReadOnlyTest(SignedInCase):
    """With a token that may only read."""

    rights = "read"

    def test_nothing_to_do(self) -> None:
        """Nothing is offered that isn't allowed: by button, form, menu, key or drop."""
        main = self.page.get_by_role("main")
        for name in ("Upload", "New folder", "Share", "Trash", "Move", "Delete", "Rename"):
            self.assertEqual(main.get_by_text(name).filter(visible=True).count(), 0, name)
        self.assertEqual(self.page.locator("input[type=file]").count(), 0)
        self.page.get_by_label("Select d.txt").check()
        self.assertEqual(self.page.locator("#chosen-bar button").all_text_contents(), ["Download", "Clear"])
        for key in ("Delete", "F2"):
            self.page.keyboard.press(key)
        self.assertEqual(self.page.locator("#toast").is_visible(), False)
        self.assertEqual(self.page.locator(".renaming").count(), 0)
        self.assertTrue((self.storage / "d.txt").exists())

    def test_me(self) -> None:
        """What one may not is told too."""
        self.page.get_by_role("link", name="Signed in as laptop").click()
        self.page.get_by_text("You may see and download what is there").wait_for()
        self.page.get_by_text("You may not add files and folders").wait_for()
