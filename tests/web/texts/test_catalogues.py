"""The catalogues of other languages."""

import json
import re
import subprocess
import sys
from io import BytesIO

from babel.core import Locale
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po
from twisted.trial.unittest import SynchronousTestCase

from peerstor.sentences import Sentence
from peerstor.web.texts.catalogues import Catalogues
from peerstor.web.texts.scripts import script_of

FEW = "nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);"
"""Of Polish, where the plural forms aren't one and many."""


class Reading(SynchronousTestCase):
    def test_offered(self) -> None:
        """English comes first, and needs no catalogue."""
        catalogues = Catalogues()
        self.assertEqual(catalogues.offered, ("en", "de"))
        english = catalogues.of("en")
        self.assertEqual((english.gettext("Send"), english.script), ("Send", b""))
        self.assertEqual([english.ngettext("one", "more", n) for n in (0, 1, 2)], ["more", "one", "more"])

    def test_german(self) -> None:
        """Texts, those that count, and sentences made elsewhere are said in German."""
        german = Catalogues().of("de")
        self.assertEqual((german.language, german.gettext("Send")), ("de", "Senden"))
        counted = [german.ngettext("%(count)s download", "%(count)s downloads", n) for n in (0, 1, 2)]
        self.assertEqual(counted, ["%(count)s Downloads", "%(count)s Download", "%(count)s Downloads"])
        self.assertEqual(german.say(Sentence("{name} is missing.", name="path")), "path fehlt.")
        self.assertEqual((german.say("Send"), german.say("no text of ours")), ("Senden", "no text of ours"))

    def test_once(self) -> None:
        """A catalogue is read once."""
        catalogues = Catalogues()
        self.assertIs(catalogues.of("de"), catalogues.of("de"))

    def test_late(self) -> None:
        """What reads catalogues isn't imported before somebody wants one."""
        code = (
            "import sys; from peerstor.web.texts.catalogues import Catalogues; c = Catalogues(); c.of('en');"
            " assert 'babel' not in sys.modules; c.of('de'); assert 'babel' in sys.modules"
        )
        subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


class Scripts(SynchronousTestCase):
    def learned(self, script: bytes) -> tuple[dict[str, object], dict[str, str]]:
        """Read what a script teaches."""
        found = re.fullmatch(
            r'import \{ learn \} from "\./texts\.js";\nlearn\((.*)\);\n', script.decode(), re.DOTALL
        )
        assert found is not None
        said, faults = json.loads(f"[{found[1]}]")
        return said, faults

    def test_german(self) -> None:
        """It has what scripts say and what the API answers them, and nothing of pages alone."""
        said, faults = self.learned(Catalogues().of("de").script)
        self.assertEqual(said["Undo"], "Rückgängig")
        self.assertEqual(said["{n} selected"], {"one": "{n} ausgewählt", "other": "{n} ausgewählt"})
        self.assertEqual(
            faults["There is something of this name already."], "Etwas mit diesem Namen gibt es schon."
        )
        for text in ("Your access token", "Undo"):
            self.assertNotIn(text, faults)
        self.assertNotIn("Your access token", said)

    def test_plurals(self) -> None:
        """Plural forms go by the categories that browsers know them by, in whatever order a catalogue has them."""
        made = Catalog(locale="pl", fuzzy=False)
        made.add(("{n} file", "{n} files"), ("{n} plik", "{n} pliki", "{n} plików"), [("a.js", 1)])
        written = BytesIO()
        write_po(written, made)
        text = re.sub(
            rb'"Plural-Forms:(?s:.*?)\\n"\n(?!")|"Plural-Forms:[^\n]*\n',
            b'"Plural-Forms: %s\\\\n"\n' % FEW.encode(),
            written.getvalue(),
        )
        catalogue = read_po(BytesIO(text), locale="pl")
        said, _ = self.learned(script_of(catalogue, Locale.parse("pl")))
        self.assertEqual(
            said,
            {"{n} file": {"one": "{n} plik", "few": "{n} pliki", "many": "{n} plików", "other": "{n} plików"}},
        )
