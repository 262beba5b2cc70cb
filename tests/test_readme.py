"""What the README says is so."""

import re
from pathlib import Path

from attrs import fields
from twisted.trial.unittest import SynchronousTestCase

from peerstor.settings import Option, Settings
from peerstor.web.errors import EARLY, TABLE

TOP = Path(__file__).parent.parent
README = (TOP / "README.md").read_text(encoding="utf-8")


class Readme(SynchronousTestCase):
    def test_script(self) -> None:
        """The upload script is the one that the tests run."""
        script = (TOP / "tests/integration/resume.sh").read_text(encoding="utf-8")
        self.assertTrue(f"```sh\n{script.strip()}\n```" in README, "the README's script is another one")

    def test_every_option(self) -> None:
        """Every option stands in the table with its default."""
        table = README.replace("\\|", "/")
        for setting in fields(Settings):
            option: Option = setting.metadata[Option]
            row = re.search(rf"^\| `--{option.name}(?: [^`]*)?` \|([^|]*)\|", table, re.MULTILINE)
            self.assertIsNotNone(row, option.name)
            assert row is not None
            if option.default:
                self.assertIn(option.default, row[1])

    def test_what_can_change(self) -> None:
        """What a running server takes over on SIGHUP is told, and nothing else is said to be."""
        told = README.partition("Taken over are ")[2].partition(". What")[0]
        live = [setting.name for setting in fields(Settings) if setting.metadata[Option].live]
        self.assertEqual(sorted(re.findall("`([a-z-]+)`", told)), sorted(name.replace("_", "-") for name in live))

    def test_every_code(self) -> None:
        """Every error code stands in the table beside its status."""
        told = {(row.status, row.code) for row in TABLE.values()} | set(EARLY.items()) | {(500, "internal")}
        table = README.partition("### Errors")[2].partition("## Options")[0]
        for status, code in told - {(400, "cut")}:  # that one nobody is there to read
            row = re.search(rf"^\|[^|]*{status}[^|]*\|.*`{code}`", table, re.MULTILINE)
            self.assertIsNotNone(row, (status, code))

    def test_threats(self) -> None:
        """Every row of the table of threats names tests, and they are there."""
        table = README.partition("## Threats")[2].partition("\n## ")[0]
        rows = [line.rstrip(" |").rpartition(" | ")[2] for line in table.split("\n") if line.startswith("| ")][2:]
        self.assertGreater(len(rows), 20)
        for row in rows:
            named = re.findall(r"`([a-z_/]+/test_[a-z_]+\.py)::(test_[a-z_0-9]+)`", row)
            self.assertTrue(named, row)
            for file, test in named:
                source = TOP / "tests" / file
                self.assertTrue(source.is_file(), file)
                code = source.read_text(encoding="utf-8")
                self.assertIsNotNone(re.search(rf"^ +def {test}\(", code, re.MULTILINE), f"{file}::{test}")

    def test_links(self) -> None:
        """Every file that is linked is there."""
        for target in re.findall(r"\]\(([^)#:]+)\)", README):
            self.assertTrue((TOP / target).exists(), target)
