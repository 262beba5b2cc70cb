"""Pages in the language of whoever looks; everything that machines read in English."""

import re
from html import unescape
from typing import Any, ClassVar
from urllib.parse import urlencode

from peerstor.access.rights import Right
from tests.texts.extraction import catalogue
from tests.web.house import Answer
from tests.web.shares.scaffold import FORM, MULTIPART, OWNER, SharingCase, multipart

GERMAN = {"Accept": "text/html", "Accept-Language": "de-DE,de;q=0.9,en;q=0.5"}
PAGES = (
    "/", "/shared/", "/?sort=x", "/nothing", "/-/login", "/-/shares", "/-/shares?path=/shared", "/-/trash",
    "/-/entry?path=/shared/", "/-/entry?path=/shared/a.txt", "/-/delete?path=/shared/", "/-/delete?path=/shared/a.txt",
    "/-/move?path=/shared/a.txt", "/-/folder?path=/", "/-/folder?path=/shared/", "/-/nothing",
    "/-/view/shared/a.txt", "/-/qr?path=/shared/a.txt", "/-/me",
)  # fmt: skip


class LanguageCase(SharingCase):
    def look(self, target: str, **headers: str) -> Answer:
        """Look at a page in German, as the owner."""
        return self.house.ask("GET", target, headers={**OWNER, **GERMAN, **headers})

    def check(self, answer: Answer, language: str = "de") -> None:
        """Hold a page to its language."""
        self.assertEqual(answer.headers["content-type"], "text/html; charset=utf-8")
        self.assertEqual(answer.headers["content-language"], language)
        self.assertEqual(answer.headers["vary"].split(", ").count("Accept-Language"), 1)
        self.assertIn(f'<html lang="{language}">'.encode(), answer.body)
        script = b"/texts.de.js" in answer.body
        self.assertIs(script, language == "de", "the script of a language is for its pages")


class PagesTests(LanguageCase):
    def test_german(self) -> None:
        """Every page is in the language that its reader understands best, and says so; so is HEAD."""
        self.house.ask("DELETE", "/shared/sub/b.txt", headers=OWNER)
        shares = []
        for mode in ("read", "upload"):
            address = self.share(mode=mode)
            shares += [address, f"/-/shares/{self.id}", f"/-/shares/{self.id}/revoke"]
        for target in (*PAGES, *shares):
            answer = self.look(target)
            if answer.status == 307:
                answer = self.look(answer.headers["location"])
            self.check(answer)
            self.assertEqual(english_in(answer), [], target)

    def test_sizes(self) -> None:
        """Numbers have the signs of the language, in a listing and on every page that tells a size."""
        self.house.put_file("shared/large.bin", b"x" * 1_234_567)
        for target in ("/shared/", "/-/view/shared/large.bin", "/-/entry?path=/shared/large.bin"):
            self.assertIn("1,23 MB", self.look(target).body.decode(), target)
            english = self.look(target, **{"Accept-Language": "en"}).body.decode()
            self.assertIn("1.23 MB", english, target)
        self.assertIn("1.234.567 Byte", self.look("/-/entry?path=/shared/large.bin").body.decode())

    def test_others(self) -> None:
        """Whoever understands none of ours reads English, and a cache is told that others don't."""
        for accepted in ("fr", "en, de;q=0.9", "x" * 3000, "de;q=0"):
            for target in ("/", "/nothing", "/-/login"):
                self.check(self.look(target, **{"Accept-Language": accepted}), "en")

    def test_forms(self) -> None:
        """What became of a form is told in the language too, each file by its own reason."""
        body = multipart(("a.txt", b"1"), ("bad\\name", b"2"))
        answer = self.house.ask("POST", "/shared/?conflict=refuse", body, {**OWNER, **GERMAN, **MULTIPART})
        self.check(answer)
        text = answer.body.decode()
        self.assertIn("Etwas mit diesem Namen gibt es schon.", text)
        self.assertIn("Dieser Name geht nicht.", text)
        answer = self.house.ask("POST", "/-/folder?path=/shared/", b"name=sub", {**OWNER, **GERMAN, **FORM})
        self.check(answer)
        self.assertIn("Zurück zum Formular", answer.body.decode())

    def test_refusals(self) -> None:
        """Refusals with values are said with them; what a value holds is escaped, and never a text itself."""
        fields = {"mode": "read", "at": "/shared", "max_downloads": "x"}
        answer = self.house.ask("POST", "/-/shares", urlencode(fields).encode(), {**OWNER, **GERMAN, **FORM})
        self.assertIn("Die Zahl der Downloads muss eine ganze Zahl sein.", answer.body.decode())
        self.assertIn("limit muss eine ganze Zahl von 0 bis 2^63-1 sein.", self.look("/?limit=x").body.decode())

    def test_password(self) -> None:
        """Who opens a link with a password is asked in their language, without any right to the rest."""
        share = self.share(password="secret")
        answer = self.house.ask("GET", share, headers=GERMAN)
        self.check(answer)
        self.assertIn("Dieser Link hat ein Passwort", answer.body.decode())

    def test_blind(self) -> None:
        """So is who may only add files."""
        dropper = self.token(Right.CREATE, name="dropper")
        answer = self.house.ask("GET", "/shared/", headers={**dropper, **GERMAN})
        self.check(answer)
        self.assertIn("Sie können Dateien hinzufügen", answer.body.decode())


class MachinesTests(LanguageCase):
    def test_english(self) -> None:
        """JSON and plain text are the same to everybody, and no cache is told otherwise."""
        for target, accept in (
            ("/api/upload/offset", "text/html"),
            ("/nothing", "application/json"),
            ("/nothing", "text/plain"),
            ("/?limit=x", "application/json"),
            ("/shared/", "application/json"),
            ("/shared/", "text/plain"),
        ):
            with self.subTest(target=target, accept=accept):
                german, english = (
                    self.look(target, **{"Accept": accept, "Accept-Language": language})
                    for language in ("de", "en")
                )
                self.assertEqual((german.status, german.body), (english.status, english.body))
                self.assertNotIn("content-language", german.headers)
                self.assertNotIn("Accept-Language", german.headers.get("vary", ""))


class KeptTests(LanguageCase):
    settings: ClassVar[dict[str, Any]] = {"anonymous": "read", "fast_lanes": True}

    def test_not_mixed(self) -> None:
        """Pages that are given again are those of the language that is asked for."""
        for _ in range(4):
            for language in ("de", "en", "de-AT, en;q=0.1", "fr"):
                answer = self.house.get("/shared/", Accept="text/html", Accept_Language=language)
                self.check(answer, language[:2] if language != "fr" else "en")
                label = "a.txt herunterladen" if language.startswith("de") else "Download a.txt"
                self.assertIn(f'aria-label="{label}"'.encode(), answer.body)
            self.house.clock.advance(0.4)


class ScriptTests(LanguageCase):
    def test_served(self) -> None:
        """The script of a language lies where the page says, for ever; there is none of English or others."""
        page = self.look("/shared/").body.decode()
        address = re.search(r'"([^"]*/)texts\.de\.js"', page)
        assert address is not None
        answer = self.house.get(f"{address[1]}texts.de.js")
        self.assertEqual((answer.status, answer.headers["content-type"]), (200, "text/javascript; charset=utf-8"))
        self.assertIn("immutable", answer.headers["cache-control"])
        self.assertIn("Rückgängig".encode(), answer.body)
        for name in ("texts.en.js", "texts.fr.js", "texts..js", "texts.de/../de.js"):
            self.assertEqual(self.house.get(address[1] + name).status, 404)


def english_in(answer: Answer) -> list[str]:
    """Give what a page says in English, by a catalogue's texts of several words that are whole in it."""
    said = {unescape(part).strip() for part in re.split(r"<[^>]*>|\n", answer.body.decode())}
    said |= {
        unescape(part) for part in re.findall(r'(?:aria-label|title|placeholder)="([^"]*)"', answer.body.decode())
    }
    known = {
        one.id: one.string for one in catalogue("de") if isinstance(one.id, str) and one.id not in ("", one.string)
    }
    return sorted(said & known.keys() - set(known.values()))
