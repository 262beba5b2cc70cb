"""Rules of the command `peerstor`: what may stand behind it, and how shells complete it."""

import io
import os
import re
import signal
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from peerstor import __main__
from peerstor.config.names import NAMED


class CommandsTests(SynchronousTestCase):
    def test_help_names_each(self) -> None:
        """The help names every command that can stand in place of the options."""
        for command in __main__.COMMANDS:
            self.assertRegex(str(__main__.ForegroundOptions()), rf"(?m)^  {command.name} +{command.help}$")


class PipeTests(SynchronousTestCase):
    def test_nobody_reads(self) -> None:
        """Where whoever read what is printed has left, as `head` does, a command ends without a word."""
        for arguments in (["--help"], ["check-config", "--help"], ["check-config"], ["--version"]):
            read, write = os.pipe()
            os.close(read)
            with open(write, "wb") as printed:
                ended = subprocess.run(
                    [sys.executable, "-m", "peerstor", *arguments],
                    stdout=printed,
                    stderr=subprocess.PIPE,
                    timeout=60,
                    check=False,
                )
            self.assertEqual((ended.returncode, ended.stderr), (128 + signal.SIGPIPE, b""), arguments)


class CompletionTests(SynchronousTestCase):
    def completed(self, *words: str) -> str:
        """Give what twisted tells zsh about the last of some words."""
        told = io.BytesIO()
        self.patch(__main__.Completed, "_shellCompFile", told)
        with self.assertRaises(SystemExit) as caught:
            __main__.main([*words, "--_shell-completion", f"zsh:{len(words) + 1}"])
        self.assertEqual(caught.exception.code, 0)
        return told.getvalue().decode()

    def test_options(self) -> None:
        """Every option is told, repeatable ones more than once, and none of twistd's."""
        told = self.completed("--")
        for named in NAMED:
            star = r"\*" if named.option.repeatable else ""
            self.assertRegex(told, rf"(?m)^['\"]{star}--{named.option.name}[=\[]")
        self.assertNotIn("--pidfile", told)

    def test_values(self) -> None:
        """A value may be a file, a folder, one of some words, or nothing that could be known."""
        told = self.completed("--")
        for option, action in (
            ("storage", "_directories"),
            ("cert", "_files"),
            ("anonymous", r"\(none read create full\)"),
            ("port", ":PORT:"),
        ):
            (line,) = re.findall(rf"^['\"]--{option}=.*", told, re.MULTILINE)
            self.assertRegex(line, action)

    def test_commands(self) -> None:
        """A word may be a command, and each is completed as what it takes."""
        told = self.completed("")
        for command in __main__.COMMANDS:
            self.assertIn(f'"{command.name}:{command.help}"', told)
        self.assertIn("--force", self.completed("restore", "--"))
