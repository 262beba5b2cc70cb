"""Rules of what the doctor prints, and of checks that can't be done."""

import errno
import io
import json
import os
from contextlib import redirect_stdout

from twisted.trial.unittest import SynchronousTestCase

from peerstor.checks.findings import Finding, Level, ok, shown, warning, wrong
from peerstor.commands import doctor
from peerstor.config.sources import Configuration
from peerstor.settings import Settings
from tests.scratch import scratch_folder

FINDINGS = [ok("a", "Fine."), warning("b", "So so.", "Mend it."), wrong("c", "word " * 60, "Do " * 80)]


class PrintTests(SynchronousTestCase):
    def printed(self, found: list[Finding], *, as_json: bool, warnings: tuple[str, ...] = ()) -> tuple[int, str]:
        self.patch(doctor, "examine", lambda settings, config: list(found))
        output = io.StringIO()
        with redirect_stdout(output):
            status = doctor.run(Configuration(Settings(), {}, None, warnings), as_json=as_json)
        return status, output.getvalue()

    def test_status(self) -> None:
        """Something wrong is status 1, anything else 0; what the settings had to warn of is told too."""
        self.assertEqual(self.printed(FINDINGS, as_json=False)[0], 1)
        self.assertEqual(self.printed(FINDINGS[:2], as_json=False)[0], 0)
        status, text = self.printed(FINDINGS[:1], as_json=False, warnings=("Careful.",))
        self.assertEqual((status, text.splitlines()[0]), (0, "warning  settings          Careful."))

    def test_lines(self) -> None:
        """Long sentences are wrapped below each other, and the last line counts."""
        lines = self.printed(FINDINGS, as_json=False)[1].splitlines()
        self.assertEqual(
            lines[:3],
            ["ok       a                 Fine.", "warning  b                 So so.", " " * 27 + "-> Mend it."],
        )
        self.assertLessEqual(max(map(len, lines)), 110)
        self.assertTrue(lines[-1].endswith(": 1 ok, 1 warning, 1 wrong."))

    def test_json(self) -> None:
        """As JSON it is the same, whole."""
        found = json.loads(self.printed(FINDINGS, as_json=True)[1])
        self.assertEqual(found["status"], "wrong")
        self.assertEqual(
            found["findings"][1], {"check": "b", "level": "warning", "text": "So so.", "advice": "Mend it."}
        )

    def test_paths(self) -> None:
        """Whatever a path holds, it is one line."""
        self.assertEqual(shown(b"/a\nb\x1b\xff"), "/a\\x0ab\\x1b\\xff")


class TryTests(SynchronousTestCase):
    def test_what_cannot_be_done(self) -> None:
        """A check that the disk doesn't let happen is wrong itself, but a full disk has been told already."""

        def fail(number: int) -> list[Finding]:
            raise OSError(number, os.strerror(number))

        for number, level in (
            (errno.EIO, Level.WRONG),
            (errno.ENOSPC, Level.WARNING),
            (errno.EDQUOT, Level.WARNING),
        ):
            (found,) = doctor._tried("x", lambda number=number: fail(number), b"/s")  # type: ignore[misc]
            self.assertEqual((found.subject, found.level), ("x", level))

    def test_whole(self) -> None:
        """Everything is looked at, by name, on a storage that isn't there yet, and nothing is made."""
        folder = scratch_folder(self)
        found = doctor.examine(
            Settings(storage=f"{folder}/none", state=f"{folder}/state", port=0, host="127.0.0.1")
        )
        self.assertEqual({one.subject for one in found if one.level is not Level.OK}, {"address"})
        self.assertGreater(len(found), 15)
        self.assertEqual(os.listdir(folder), [])

    def test_file_in_the_way(self) -> None:
        """A file where the storage should be is wrong, and no check falls over it."""
        path = f"{scratch_folder(self)}/file"
        with open(path, "wb"):
            pass
        levels = {one.subject: one.level for one in doctor.examine(Settings(storage=path, port=0))}
        self.assertIs(levels["storage"], Level.WRONG)
