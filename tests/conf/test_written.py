"""What conf/ says of the options is so."""

import os
import re
import shutil
import subprocess
import tomllib

from twisted.trial.unittest import SynchronousTestCase

from peerstor import __main__
from peerstor.config.names import NAMED
from peerstor.config.sources import Sources
from peerstor.settings import Settings
from tests.conf.sample import default_of, is_default, value_of
from tests.conf.written import CONF, WRITTEN
from tests.scratch import scratch_folder


class WrittenTests(SynchronousTestCase):
    def test_up_to_date(self) -> None:
        """Each file says what the options say today; `python -m tests.conf` writes them anew."""
        for path, write in WRITTEN.items():
            self.assertTrue(path.read_text(encoding="utf-8") == write(), f"{path} is old: python -m tests.conf")


class SampleTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = f"{scratch_folder(self)}/peerstor.toml"
        self.text = (CONF / "peerstor.toml").read_text(encoding="utf-8")

    def settings(self, text: str) -> Settings:
        """Read a text as a file of settings."""
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text)
        return Sources(command_line={}, environ={}, file=self.path).read().settings

    def test_every_setting(self) -> None:
        """Every setting stands there once, commented out."""
        self.assertEqual(re.findall(r"^#([a-z-]+) = ", self.text, re.MULTILINE), [named.key for named in NAMED])
        self.assertEqual(tomllib.loads(self.text), {})

    def test_defaults(self) -> None:
        """What stands there as a default is the one that holds, and means it by itself."""
        for named in NAMED:
            with self.subTest(key=named.key):
                self.assertNotEqual(
                    value_of(named), '""' if default_of(named) is None else None, "it needs an example"
                )
                if is_default(named):
                    self.assertEqual(self.settings(f"{named.key} = {value_of(named)}"), Settings())

    def test_all_of_it(self) -> None:
        """With every line taken in, the file is accepted, examples included, and each says something."""
        found = self.settings(re.sub(r"^#(?=[a-z-]+ = )", "", self.text, flags=re.MULTILINE))
        for named in NAMED:
            if not is_default(named):
                self.assertNotEqual(getattr(found, named.setting), default_of(named), named.key)

    def test_lists(self) -> None:
        """The example of what there may be several of is accepted as well."""
        for key, example in re.findall(r"^# For example: ([a-z-]+) = (.*)$", self.text, re.MULTILINE):
            with self.subTest(key=key):
                self.assertNotEqual(self.settings(f"{key} = {example}"), Settings())


class ManualTests(SynchronousTestCase):
    def test_everything(self) -> None:
        """The manual names every option, variable and command."""
        text = (CONF / "peerstor.1").read_text(encoding="utf-8").replace("\\-", "-")
        for named in NAMED:
            self.assertIn(f"--{named.option.name}", text)
            self.assertIn(named.variable, text)
        for command in __main__.COMMANDS:
            self.assertIn(f"peerstor {command.name}", text)

    def test_no_line_is_taken_for_a_request(self) -> None:
        """No line of text begins as a request of roff does."""
        known = {".TH", ".SH", ".SS", ".TP", ".PP", ".B", ".nf", ".fi", ".RS", ".RE"}
        for line in (CONF / "peerstor.1").read_text(encoding="utf-8").splitlines():
            if line.startswith((".", "'")):
                self.assertIn(line.split(" ")[0], known, line)


class BashTests(SynchronousTestCase):
    def completed(self, *words: str) -> list[str]:
        """Give what bash offers for the last of some words."""
        folder = scratch_folder(self)
        os.mkdir(f"{folder}/folder")
        with open(f"{folder}/file", "w"):
            pass
        bash = shutil.which("bash")
        assert bash is not None
        script = f'source {CONF}/peerstor.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _peerstor; printf \'%s\\n\' "${{COMPREPLY[@]}}"'
        ended = subprocess.run(
            [bash, "-c", script, "bash", *words], cwd=folder, capture_output=True, timeout=30, check=True
        )
        self.assertEqual(ended.stderr, b"")
        return ended.stdout.decode().split()

    def test_options_and_commands(self) -> None:
        """Words may be options or commands, each told once."""
        self.assertEqual(self.completed("peerstor", "--max-u"), ["--max-upload"])
        self.assertEqual(
            {f"--{named.option.name}" for named in NAMED} - set(self.completed("peerstor", "--")), set()
        )
        self.assertEqual(set(self.completed("peerstor", "")), {command.name for command in __main__.COMMANDS})
        self.assertEqual(self.completed("peerstor", "--port", "1", "t"), [])

    def test_values(self) -> None:
        """Values are folders, files, or the words that there are."""
        self.assertEqual(self.completed("peerstor", "--storage", ""), ["folder"])
        self.assertEqual(set(self.completed("peerstor", "--cert", "f")), {"folder", "file"})
        self.assertEqual(self.completed("peerstor", "--anonymous", "r"), ["read"])
        self.assertEqual(self.completed("peerstor", "--port", ""), [])

    def test_behind_commands(self) -> None:
        """Behind a command come its own options, and those of what it can do."""
        self.assertIn("--storage", self.completed("peerstor", "check-config", "--"))
        self.assertEqual(set(self.completed("peerstor", "token", "")), {"add", "list", "revoke"})
        self.assertIn("--rights", self.completed("peerstor", "token", "add", "--"))
        self.assertNotIn("--rights", self.completed("peerstor", "token", "list", "--"))
