"""Pages and their scripts in the language of the browser."""

from tests.browser.stage import BrowserCase
from tests.texts.extraction import catalogue

SAID = """() => {
    const words = [document.title];
    const walker = document.createTreeWalker(document, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) words.push(walker.currentNode.data);
    for (const element of document.querySelectorAll("*")) {
        for (const name of ["aria-label", "title", "placeholder", "alt"]) words.push(element.getAttribute(name) ?? "");
        words.push(element.validationMessage ?? "");
    }
    return words.map((each) => each.trim()).filter(Boolean);
}"""


class LanguageCase(BrowserCase):
    """A server where everybody may do everything, seen in German."""

    options = ("--anonymous", "full")
    tolerated = ("status of 4",)

    def setUp(self) -> None:
        """Have something to look at."""
        super().setUp()
        for name in ("a.txt", "b.txt", "c.txt"):
            (self.storage / name).write_text(name * 500)
        (self.storage / "Ziel").mkdir()
        self.page = self.new_context(locale="de-DE").new_page()

    def toast(self, words: str) -> None:
        """Wait until a message says something."""
        self.page.locator("#toast").filter(has_text=words).wait_for()

    def english(self) -> list[str]:
        """Give what the page says in English now, and doesn't in German."""
        known = {one.id: one.string for one in catalogue("de") if isinstance(one.id, str) and one.id != one.string}
        return sorted(set(self.page.evaluate(SAID)) & known.keys() - set(known.values()))

    def order(self, name: str, act: str) -> None:
        """Choose something in the menu of a row."""
        self.page.get_by_label(f"Aktionen für {name}", exact=True).click()
        self.page.locator(f'.menu [data-act="{act}"]').click()


class ScriptsTest(LanguageCase):
    """With scripts."""

    def setUp(self) -> None:
        super().setUp()
        self.go()
        self.page.locator("html.scripted").wait_for()

    def test_deeds(self) -> None:
        """What is done is told in German, one or many, and so is what is refused."""
        self.assertEqual(self.page.evaluate("document.documentElement.lang"), "de")
        self.order("a.txt", "delete")
        self.toast("„a.txt“ liegt jetzt im Papierkorb.")
        self.page.get_by_role("button", name="Rückgängig").click()
        self.toast("Es ist wieder da.")
        for name in ("a.txt", "b.txt"):
            self.page.get_by_label(f"{name} auswählen", exact=True).check()
        self.page.locator("#count").filter(has_text="2 ausgewählt").wait_for()
        self.page.locator('#chosen-bar [data-act="delete"]').click()
        self.toast("2 Einträge liegen jetzt im Papierkorb.")
        self.page.get_by_role("button", name="Rückgängig").click()
        self.toast("Sie sind wieder da.")
        self.order("b.txt", "rename")
        self.page.keyboard.type("c")
        self.page.keyboard.press("Enter")
        self.page.wait_for_function("() => document.querySelector('.renaming').validationMessage")
        said = self.page.locator(".renaming").evaluate("field => field.validationMessage")
        self.assertEqual(said, "Etwas mit diesem Namen gibt es schon.")

    def test_dialogs(self) -> None:
        """Dialogs ask in German, and a folder's own answer is German too."""
        self.page.locator("#new-folder").click()
        dialog = self.page.get_by_role("dialog", name="Neuer Ordner")
        dialog.get_by_label("Name des Ordners").fill("Ziel")
        dialog.get_by_role("button", name="Ordner anlegen").click()
        self.page.wait_for_function("() => document.querySelector('dialog input').validationMessage")
        dialog.get_by_label("Name des Ordners").fill("Neu")
        dialog.get_by_role("button", name="Ordner anlegen").click()
        self.toast("Ordner „Neu“ angelegt.")
        self.order("a.txt", "place")
        dialog = self.page.get_by_role("dialog", name="Wohin mit")
        dialog.get_by_role("heading", name="Wohin mit „a.txt“?").wait_for()
        dialog.get_by_text("Ziel", exact=True).click()
        dialog.get_by_role("button", name="Hierher verschieben").click()
        self.toast("„a.txt“ verschoben.")

    def test_listing(self) -> None:
        """A listing says nothing in English, nor does what scripts make of it."""
        self.page.locator("#filter").fill("b")
        self.page.locator("#listing tbody tr").nth(1).wait_for(state="detached")
        self.assertEqual(self.english(), [])
        self.assertEqual(self.page.locator("time").first.text_content(), "gerade eben")

    def test_uploads(self) -> None:
        """Uploads are told in German, alone and all together, and so is what stands in their way."""
        source = self.folder / "source"
        source.mkdir()
        for name in ("a.txt", "b.txt", "neu.txt"):
            (source / name).write_text(name)
        self.page.locator("#chosen").set_input_files(sorted(source.iterdir()))
        dialog = self.page.get_by_role("dialog", name="2 Dateien gibt es schon.")
        dialog.wait_for()
        self.assertEqual(self.english(), [])
        dialog.get_by_role("button", name="Beide behalten").click()
        self.page.locator("#summary .upload-name").filter(has_text="3 von 3 Dateien").wait_for()
        words = self.page.locator("#running .upload-words")
        words.filter(has_text="Der Name war vergeben. Gespeichert als a (2).txt (5").wait_for()
        self.page.get_by_role("link", name="neu.txt").first.wait_for()
        self.assertEqual(self.english(), [])
        bad = source / "Ziel"
        bad.write_text("x")
        self.page.locator("#chosen").set_input_files(bad)
        self.page.get_by_role("dialog", name="„Ziel“ gibt es schon.").wait_for()
        self.page.get_by_role("button", name="Ersetzen").click()
        words.filter(has_text="Es ist ein Ordner. Benennen Sie die Datei um").wait_for()
        self.assertEqual(self.english(), [])

    def test_offline(self) -> None:
        """What is wrong between the page and the server is told in German."""
        self.tolerated = ("ERR_INTERNET_DISCONNECTED",)
        self.page.context.set_offline(True)
        said = "Sie sind offline. Was Sie sehen, ist der letzte Stand."
        self.page.locator("#state").filter(has_text=said).wait_for()
        self.assertEqual(self.english(), [])

    def test_preview(self) -> None:
        """A preview is German, too."""
        self.page.locator("#listing").get_by_role("link", name="b.txt", exact=True).click()
        dialog = self.page.get_by_role("dialog", name="b.txt")
        dialog.get_by_role("link", name="Für sich öffnen").wait_for()
        dialog.locator("[rel=next]").filter(has_text="Nächste").wait_for()
        self.assertEqual(self.english(), [])

    def test_numbers(self) -> None:
        """Numbers are grouped as Germans do."""
        title = self.page.locator("td.size[title]").first.get_attribute("title")
        self.assertEqual(title, "2.500 Bytes")


class PagesTest(LanguageCase):
    """The pages that the server writes."""

    def test_pages(self) -> None:
        """No page says anything in English."""
        (self.storage / "gone.txt").write_text("x")
        self.page.request.delete(f"{self.origin}gone.txt")
        for path in (
            "-/entry?path=/a.txt", "-/entry?path=/Ziel/", "-/delete?path=/Ziel/", "-/move?path=/a.txt", "-/trash",
            "-/folder?path=/Ziel/", "-/login", "-/shares", "nothing", "?sort=x", "-/rename?path=/a.txt",
            "", "Ziel/", "-/me", "-/view/a.txt", "-/qr?path=/a.txt",
        ):  # fmt: skip
            self.go(path)
            self.assertEqual(self.page.evaluate("document.documentElement.lang"), "de", path)
            self.assertEqual(self.english(), [], path)
        self.go("-/trash")
        self.page.get_by_role("button", name="Wiederherstellen").click()
        self.page.get_by_text("Es liegt wieder dort, wo es war.").wait_for()

    def test_other_languages(self) -> None:
        """Whoever speaks another language gets English, from the scripts too."""
        self.page = self.new_context(locale="fr-FR").new_page()
        self.go()
        self.assertEqual(self.page.evaluate("document.documentElement.lang"), "en")
        self.page.get_by_label("Select a.txt", exact=True).check()
        self.page.locator("#count").filter(has_text="1 selected").wait_for()
        self.assertEqual(self.page.locator("script[src*='texts.']").count(), 0)
