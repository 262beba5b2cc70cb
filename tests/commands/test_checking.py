"""`peerstor check-config`, within this process."""

import io
import os
import tomllib
from contextlib import redirect_stderr, redirect_stdout

from twisted.trial.unittest import SynchronousTestCase

from peerstor import __main__
from peerstor.config.names import NAMED
from peerstor.settings import Settings
from tests.scratch import scratch_folder


class CheckTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = scratch_folder(self)

    def check(self, *arguments: str, **environ: str) -> tuple[str, str]:
        """Run the command; gives what it printed on standard output and on standard error."""
        out, err = io.StringIO(), io.StringIO()
        self.patch(__main__.CheckOptions, "environ", environ)
        with redirect_stdout(out), redirect_stderr(err):
            __main__.main(["check-config", *arguments])
        return out.getvalue(), err.getvalue()

    def file(self, text: str) -> str:
        """Write a file of settings, for its owner alone."""
        path = f"{self.folder}/c.toml"
        with open(path, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(text)
        return path

    def test_every_setting(self) -> None:
        """Every setting stands there, set or not."""
        out, err = self.check()
        for named in NAMED:
            self.assertRegex(out, rf"(?m)^(# )?{named.key} (= .* # default|is not set)$")
        self.assertEqual(err, "")

    def test_sources(self) -> None:
        """Each value is told with where it comes from."""
        path = self.file("port = 1\nhsts = 1\n")
        out, _ = self.check("--config", path, "--strict-port", PEERSTOR_DRAIN="0.5")
        for words in (f"port = 1 *# {path}", "drain = 0.5 *# environment", "strict-port = true *# command line"):
            self.assertRegex(out, rf"(?m)^{words}$")

    def test_can_be_used_as_a_file(self) -> None:
        """What is told, put into a file, means the same."""
        out, _ = self.check(
            "--storage",
            f'{self.folder}/ü " \\ x',
            "--allow-host",
            "a",
            "--gzip-threshold",
            "64K",
            "--no-fsync",
            "--upload-expiry",
            "0.0001",
        )
        values = {key.replace("-", "_"): value for key, value in tomllib.loads(out).items()}
        self.assertEqual(
            Settings(**values),
            Settings(
                storage=f'{self.folder}/ü " \\ x',
                allow_host=("a",),
                gzip_threshold=65536,
                fsync=False,
                upload_expiry=0.0001,
            ),
        )

    def test_secret(self) -> None:
        """A secret is masked, wherever it comes from; one that all may read is warned of beside."""
        path = self.file('token = "in-the-file"')
        os.chmod(path, 0o644)
        out, err = self.check("--config", path)
        self.assertRegex(out, r'(?m)^token = "\*+"')
        self.assertRegex(err, r"^peerstor: .* holds a secret \(token\), .*\n$")
        for text in (out, err, *self.check("--token", "on-the-line")):
            self.assertNotIn("in-the-file", text)
            self.assertNotIn("on-the-line", text)

    def test_wrong(self) -> None:
        """What is wrong is one line, as when the server is started."""
        with self.assertRaises(SystemExit) as caught:
            self.check("--config", self.file("prot = 1"))
        self.assertRegex(
            str(caught.exception.code), r"^peerstor: There is no setting prot in .*; did you mean port\?$"
        )

    def test_touches_nothing(self) -> None:
        """The storage is neither made nor looked at."""
        self.check("--storage", f"{self.folder}/storage", "--access-log", f"{self.folder}/log")
        self.check("--storage", "/dev/null")
        self.assertEqual(os.listdir(self.folder), [])
