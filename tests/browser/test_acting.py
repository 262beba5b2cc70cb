"""What people do with entries of a folder: with scripts, without, by keys alone, by touch."""

import io
import os
import re
import tarfile
import zipfile
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Locator, Page, expect

from tests.browser.stage import BrowserCase

NARROW = {"width": 360, "height": 740}

HELD_BACK = """() => {
    const real = fetch;
    window.held = false;
    const open = new Promise((resolve) => { window.release = resolve; });
    window.fetch = async (...asked) => {
        const answer = await real(...asked);
        if (asked[1]?.headers?.Accept === "text/html") {
            window.held = true;
            await open;
        }
        return answer;
    };
}"""
"""Keeps what the page is told when it takes the listing anew, until it is to be released."""

SEEN = """
    window.seen = new Set();
    const look = () => document.querySelectorAll("#listing tbody th.name bdi").forEach((one) => seen.add(one.textContent));
    new MutationObserver(look).observe(document.querySelector("#listing"), {childList: true, subtree: true})
"""
"""Gathers the names that the listing shows from now on."""


class ActingCase(BrowserCase):
    """A server where everybody may do everything, with a few files and folders."""

    options = ("--anonymous", "full")

    def setUp(self) -> None:
        """Have something to act on."""
        super().setUp()
        for name in ("a.txt", "b.txt", "c.txt", "d.txt"):
            (self.storage / name).write_text(name)
        (self.storage / "goal" / "inner").mkdir(parents=True)

    def there(self, folder: str = "") -> list[str]:
        """Name what lies in a folder."""
        return sorted(name for name in os.listdir(self.storage / folder) if name != ".peerstor")

    def row(self, name: str) -> Locator:
        """Find the row of a name."""
        return self.page.get_by_role("row").filter(has=self.page.get_by_text(name, exact=True))

    def toast(self, words: str) -> Locator:
        """Wait until a message says something."""
        found = self.page.locator("#toast").filter(has_text=words)
        found.wait_for()
        return found

    def order(self, name: str, order: str) -> None:
        """Choose something in the menu of a row."""
        self.page.get_by_label(f"Actions for {name}", exact=True).click()
        self.page.locator(".menu").get_by_text(order, exact=True).click()

    def select(self, *names: str) -> None:
        """Select entries by their boxes."""
        for name in names:
            self.page.get_by_label(f"Select {name}", exact=True).check()

    def bar(self, order: str) -> None:
        """Give an order for what is selected."""
        self.page.locator("#chosen-bar").get_by_role("button", name=order).click()


class ScriptedTest(ActingCase):
    """With scripts, on the page of the listing itself."""

    tolerated = ("status of 409",)

    def setUp(self) -> None:
        super().setUp()
        self.go()
        self.page.locator("html.scripted").wait_for()

    def test_rename(self) -> None:
        """A name is changed where it stands; the end of a file's name isn't selected; a taken one is refused there."""
        self.order("a.txt", "Rename")
        self.page.keyboard.type("renamed")
        self.page.keyboard.press("Enter")
        self.toast("Renamed to “renamed.txt”.")
        self.assertEqual(self.there(), ["b.txt", "c.txt", "d.txt", "goal", "renamed.txt"])
        expect(self.page.locator(":focus")).to_have_text("renamed.txt")
        self.order("b.txt", "Rename")
        self.page.keyboard.type("c")
        self.page.keyboard.press("Enter")
        field = self.page.get_by_label("New name of b.txt")
        self.page.wait_for_function("() => document.querySelector('.renaming').validationMessage")
        self.assertIn("already", field.evaluate("field => field.validationMessage"))
        self.page.keyboard.press("Escape")
        self.assertEqual(self.names(), ["b.txt", "c.txt", "d.txt", "goal", "renamed.txt"])

    def test_delete_and_undo(self) -> None:
        """What was deleted is in the trash, and an undo brings all of it back."""
        self.select("a.txt", "c.txt")
        self.bar("Delete")
        message = self.toast("2 entries moved to the trash.")
        self.assertEqual((self.there(), self.names()), (["b.txt", "d.txt", "goal"],) * 2)
        message.get_by_role("button", name="Undo").click()
        self.toast("They are back.")
        self.assertEqual(self.there(), ["a.txt", "b.txt", "c.txt", "d.txt", "goal"])
        self.wait_names(*self.there())

    def test_delete_beside_others(self) -> None:
        """What was deleted doesn't come back with a listing that was asked for before, when others change things."""
        os.utime(self.storage, (1e9, 1e9))  # a folder that has just changed is looked at once more
        self.go()
        self.page.locator("html.scripted").wait_for()
        self.page.evaluate(HELD_BACK)
        (self.storage / "new.txt").write_text("by somebody else")
        self.page.wait_for_function("() => held")
        self.order("c.txt", "Delete")
        self.toast("“c.txt” moved to the trash.")
        self.assertEqual(self.names(), ["a.txt", "b.txt", "d.txt", "goal"])
        self.page.evaluate(f"() => {{ {SEEN}; release(); }}")
        self.row("new.txt").wait_for()
        self.assertNotIn("c.txt", self.page.evaluate("() => [...seen]"))
        self.assertEqual(self.names(), ["a.txt", "b.txt", "d.txt", "goal", "new.txt"])

    def test_some_not_deleted(self) -> None:
        """Where one of several can't be deleted, a message says why, and those that were can be had back."""
        refusal = {"error": "exists", "message": "There is something of this name already."}
        self.page.route("**/api/delete?path=/c.txt", lambda route: route.fulfill(status=409, json=refusal))
        self.select("a.txt", "c.txt")
        self.bar("Delete")
        message = self.toast("Not deleted: c.txt: There is something of this name already.")
        self.assertEqual(self.there(), ["b.txt", "c.txt", "d.txt", "goal"])
        message.get_by_role("button", name="Undo").click()
        self.toast("It is back.")
        self.assertEqual(self.there(), ["a.txt", "b.txt", "c.txt", "d.txt", "goal"])

    def test_details(self) -> None:
        """Details are shown over the listing, with all that can be done; a folder can be had as zip or tar."""
        dialog = self.page.get_by_role("dialog", name="a.txt")
        self.order("a.txt", "Details")
        self.assertIn(
            f"{(self.storage / 'a.txt').stat().st_size} B", dialog.locator(".facts").text_content() or ""
        )
        self.page.keyboard.press("Escape")
        dialog.wait_for(state="hidden")
        self.order("goal", "Details")
        dialog = self.page.get_by_role("dialog", name="goal")
        for kind, module in (("zip", zipfile.ZipFile), ("tar", tarfile.open)):
            with self.page.expect_download() as download:
                dialog.get_by_role("link", name=f"Download as {kind}").click()
            module(download.value.path()).close()
        dialog.get_by_role("link", name="Back to the folder").click()
        dialog.wait_for(state="hidden")
        expect(self.page).to_have_url(self.origin)

    def test_move_and_copy(self) -> None:
        """Several are brought to a folder that is found by following links; what is there already isn't replaced."""
        self.select("a.txt", "b.txt")
        self.bar("Move or copy")
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_role("link", name="goal").click()
        dialog.get_by_role("link", name="inner").click()
        dialog.get_by_text("There is no folder in here.").wait_for()
        dialog.get_by_role("button", name="Move here").click()
        self.toast("2 entries moved.")
        self.assertEqual(
            (self.there("goal/inner"), self.names()), (["a.txt", "b.txt"], ["c.txt", "d.txt", "goal"])
        )
        (self.storage / "goal" / "c.txt").write_text("other")
        self.order("c.txt", "Move or copy")
        dialog.get_by_role("link", name="goal").click()
        dialog.get_by_role("button", name="Move here").click()
        self.toast("Not moved: c.txt").get_by_role("button", name="Keep both").click()
        self.toast("“c.txt” moved.")
        self.assertEqual(self.there("goal"), ["c (2).txt", "c.txt", "inner"])
        self.assertEqual((self.storage / "goal" / "c.txt").read_text(), "other")
        self.order("d.txt", "Move or copy")
        dialog.get_by_role("button", name="Copy here").click()
        self.toast("“d.txt” copied.")
        self.assertEqual(self.there(), ["d (2).txt", "d.txt", "goal"])

    def test_move_by_keys(self) -> None:
        """At each folder that is stepped into the focus is in the dialog; in the end it is where it was before."""
        self.order("a.txt", "Move or copy")
        dialog = self.page.get_by_role("dialog")
        for folder in ("goal", "inner"):
            dialog.get_by_role("link", name=folder).focus()
            self.page.keyboard.press("Enter")
            dialog.locator(".crumbs").filter(has_text=folder).wait_for()
            self.assertTrue(
                self.page.evaluate("document.querySelector('dialog[open]').contains(document.activeElement)")
            )
        self.page.keyboard.press("Escape")
        expect(self.page.locator(":focus")).to_have_accessible_name("Actions for a.txt")

    def test_new_folder(self) -> None:
        """A folder is made without leaving the page, and has the focus then; a taken name is refused in words."""
        self.page.get_by_role("link", name="New folder").click()
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_label("Its name").fill("goal")
        self.page.keyboard.press("Enter")
        self.page.wait_for_function("() => document.querySelector('dialog input').validationMessage")
        dialog.get_by_label("Its name").fill("new ü%")
        self.page.keyboard.press("Enter")
        self.toast("Folder “new ü%” made.")
        self.assertIn("new ü%", self.there())
        self.assertIn("new ü%", self.page.evaluate("document.activeElement.textContent"))

    def test_download_several(self) -> None:
        """Several come as one zip."""
        self.select("a.txt", "c.txt", "goal")
        with self.page.expect_download() as download:
            self.bar("Download")
        with zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes())) as archive:
            files = {name for name in archive.namelist() if not name.endswith("/")}
            self.assertEqual({name.rpartition("/")[2] for name in files}, {"a.txt", "c.txt"})

    def test_download_of_a_long_address(self) -> None:
        """A single one comes as it is, however long its address is."""
        name = 80 * "あ"
        folder = self.storage.joinpath(*(6 * [name]))
        folder.mkdir(parents=True)
        (folder / "deep.txt").write_text("deep")
        self.go(quote("/".join(6 * [name])) + "/")
        self.page.locator("html.scripted").wait_for()
        self.assertGreater(len(self.page.url), 4000)
        self.select("deep.txt")
        with self.page.expect_download() as download:
            self.bar("Download")
        self.assertEqual(download.value.suggested_filename, "deep.txt")
        self.assertEqual(Path(download.value.path()).read_text(), "deep")

    def test_filter(self) -> None:
        """The list shows what contains the words that are typed, and what is hidden isn't acted on."""
        self.select("a.txt", "b.txt")
        self.page.get_by_label("Filter by name").fill("B.T")
        self.assertEqual(self.names(), ["b.txt"])
        self.bar("Delete")
        self.toast("“b.txt” moved to the trash.")
        self.page.get_by_label("Filter by name").fill("")
        self.assertEqual(self.names(), ["a.txt", "c.txt", "d.txt", "goal"])

    def test_order_remembered(self) -> None:
        """The order that somebody chose holds in other folders too, and after a reload."""
        (self.storage / "goal" / "big").write_bytes(b"." * 9)
        (self.storage / "goal" / "alpha").write_bytes(b"." * 99)
        self.page.get_by_role("link", name="Size").click()
        self.page.locator("th[aria-sort=ascending]", has_text="Size").wait_for()
        self.go("goal/")
        self.page.locator("th[aria-sort=ascending]", has_text="Size").wait_for()
        self.assertEqual([name for name in self.names() if name != "inner"], ["big", "alpha"])

    def test_mouse(self) -> None:
        """A click beside the name selects one row, with Ctrl one more, with Shift all between; keys are for those."""
        for name, keys, expected in (
            ("a.txt", [], "1"), ("c.txt", ["Control"], "2"), ("d.txt", ["Shift"], "2"), ("b.txt", [], "1"),
        ):  # fmt: skip
            self.row(name).locator(".size").click(modifiers=keys)  # type: ignore[arg-type]
            self.page.locator("#count", has_text=re.compile(f"^{expected} selected")).wait_for()
        self.page.keyboard.press("Delete")
        self.toast("“b.txt” moved to the trash.")

    def test_menu_closes(self) -> None:
        """Escape closes a menu, and the focus is where it was."""
        button = self.page.get_by_role("button", name="Actions for b.txt")
        button.focus()
        self.page.keyboard.press("Space")
        expect(button).to_have_attribute("aria-expanded", "true")
        self.page.keyboard.press("Escape")
        self.page.wait_for_function("() => document.activeElement.ariaLabel === 'Actions for b.txt'")
        expect(button).to_have_attribute("aria-expanded", "false")

    def test_server_gone(self) -> None:
        """Where no answer comes, a message says so, and nothing is shown as done."""
        self.tolerated = ("ERR_",)
        self.server.stop()
        self.order("a.txt", "Delete")
        self.toast("Not deleted: a.txt: The server doesn’t answer")
        self.assertIn("a.txt", self.names())
        self.server.start()


class KeyboardTest(ActingCase):
    """By keys alone."""

    def test_whole_way(self) -> None:
        """Rows are walked by arrows, selected, renamed, deleted and opened."""
        self.go()
        self.page.locator("html.scripted").wait_for()
        press = self.page.keyboard.press
        press("ArrowDown")
        expect(self.page.locator(":focus")).to_have_text("a.txt")
        press("Space")
        press("Shift+ArrowDown")
        press("Shift+ArrowDown")
        self.page.get_by_text("3 selected").first.wait_for()
        press("Escape")
        self.page.locator("#chosen-bar").wait_for(state="hidden")
        press("F2")
        self.page.keyboard.type("e")
        press("Enter")
        self.toast("Renamed to “e.txt”.")
        press("Home")
        press("Delete")
        self.toast("“a.txt” moved to the trash.")
        expect(self.page.locator(":focus")).to_have_text("b.txt")
        press("Control+a")
        self.page.get_by_text("4 selected").first.wait_for()
        press("Escape")
        press("End")
        press("Enter")
        self.page.get_by_role("heading", name="goal", level=1).wait_for()
        self.assertEqual(self.there(), ["b.txt", "d.txt", "e.txt", "goal"])

    def test_input_method(self) -> None:
        """Keys by which an input method is told what is meant do nothing else, as Safari and Chromium on a Mac tell them."""
        self.go()
        self.page.locator("html.scripted").wait_for()
        self.page.get_by_role("link", name="b.txt", exact=True).focus()
        self.page.keyboard.press("F2")
        for label, words, keys in (
            ("New name of b.txt", "か", ("Enter", "Escape")),
            ("Filter by name", "txt", ("ArrowDown",)),  # something that rows are shown for
        ):
            field = self.page.get_by_label(label)
            field.fill(words)
            for key in keys:
                field.dispatch_event("keydown", {"key": key, "keyCode": 229})
            expect(field).to_be_focused()
            self.page.wait_for_timeout(500)
            self.assertEqual(self.there(), ["a.txt", "b.txt", "c.txt", "d.txt", "goal"])
            field.fill("b.txt")
        self.page.keyboard.press("ArrowDown")
        expect(self.page.locator(":focus")).to_have_text("b.txt")

    def test_held(self) -> None:
        """A key that is held deletes what it was pressed for, and not all that stands behind it."""
        self.go()
        self.page.locator("html.scripted").wait_for()
        self.page.get_by_role("link", name="b.txt", exact=True).focus()
        for _ in range(10):  # all but the first are repeats
            self.page.keyboard.down("Delete")
            self.page.wait_for_timeout(50)
        self.page.keyboard.up("Delete")
        self.toast("“b.txt” moved to the trash.")
        self.page.wait_for_timeout(500)
        self.assertEqual(self.there(), ["a.txt", "c.txt", "d.txt", "goal"])


class TouchTest(ActingCase):
    """On a phone."""

    def test_phone(self) -> None:
        """A tap on an icon selects; every button is large enough for a finger; nothing is cut off at 360 pixels."""
        (self.storage / ("n" * 250)).touch()
        context = self.new_context(viewport=NARROW, has_touch=True, is_mobile=True)
        self.page = context.new_page()
        self.go()
        self.page.locator("html.scripted").wait_for()
        self.page.get_by_label("Select b.txt").tap()
        self.page.get_by_text("1 selected").first.wait_for()
        self.page.get_by_label("Select c.txt").tap()
        small = self.page.evaluate("""() => [...document.querySelectorAll("button, .button, td a, .pick")]
            .filter((one) => one.checkVisibility({visibilityProperty: true}))
            .filter((one) => one.offsetWidth < 44 || one.offsetHeight < 44).map((one) => one.outerHTML)""")
        self.assertEqual(small, [])
        self.assertLessEqual(self.page.evaluate("document.documentElement.scrollWidth"), 360)
        self.page.locator("#chosen-bar").get_by_role("button", name="Delete").tap()
        self.toast("2 entries moved to the trash.").get_by_role("button", name="Undo").tap()
        self.toast("They are back.")
        self.page.get_by_label("Actions for c.txt").tap()
        self.page.locator(".menu").get_by_text("Rename").tap()
        self.page.keyboard.type("touched")
        self.page.keyboard.press("Enter")
        self.toast("Renamed to “touched.txt”.")
        self.assertIn("touched.txt", self.there())


class PlainTest(ActingCase):
    """Without scripts."""

    def test_whole_way(self) -> None:
        """Pages and forms do all of it: new folder, rename, copy, move, delete, restore, delete for good."""
        page: Page = self.new_context(java_script_enabled=False).new_page()
        click = lambda role, name: page.get_by_role(role, name=name, exact=True).click()  # noqa: E731
        page.goto(self.origin)
        click("link", "New folder")
        page.get_by_label("Its name").fill("made")
        click("button", "Make the folder")
        click("link", "Actions for a.txt")
        page.get_by_label("Another name").fill("e.txt")
        click("button", "Rename")
        click("link", "Actions for e.txt")
        click("link", "Move or copy")
        click("link", "made")
        click("button", "Copy here")
        page.get_by_role("heading", name="made", level=1).wait_for()
        page.goto(self.origin)
        click("link", "Actions for b.txt")
        click("link", "Move or copy")
        click("link", "goal")
        click("button", "Move here")
        page.goto(self.origin)
        for name in ("c.txt", "d.txt"):
            click("link", f"Actions for {name}")
            click("link", "Delete")
            click("button", "Delete it")
        self.assertEqual(self.there(), ["e.txt", "goal", "made"])
        self.assertEqual((self.there("made"), self.there("goal")), (["e.txt"], ["b.txt", "inner"]))
        click("link", "Trash")
        click("button", "Restore c.txt")
        page.get_by_text("It is back where it was.").wait_for()
        click("link", "Delete for good : d.txt")
        click("button", "Delete it for good")
        page.get_by_text("The trash is empty.").wait_for()
        self.assertEqual(self.there(), ["c.txt", "e.txt", "goal", "made"])


class LittleRightTest(ActingCase):
    """Where guests may add and not change."""

    options = ("--anonymous", "create")

    def test_offered(self) -> None:
        """Nothing is offered that would be refused, nor done by a key."""
        self.go()
        self.page.locator("html.scripted").wait_for()
        self.select("a.txt")
        for order in ("Delete", "Rename", "Move or copy"):
            self.assertEqual(self.page.get_by_text(order, exact=True).count(), 0, order)
        self.page.get_by_role("link", name="a.txt", exact=True).focus()
        self.page.keyboard.press("Delete")
        self.page.keyboard.press("F2")
        self.order("a.txt", "Copy")
        self.page.get_by_role("dialog").get_by_role("button", name="Copy here").click()
        self.toast("“a.txt” copied.")
        self.assertEqual(self.there(), ["a (2).txt", "a.txt", "b.txt", "c.txt", "d.txt", "goal"])
