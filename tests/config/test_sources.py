"""Rules of where settings come from, and of what is said when one of them is wrong."""

import os
from typing import Any

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from peerstor.config.given import Source
from peerstor.config.sources import Configuration, Sources
from peerstor.errors import StartupError
from peerstor.settings import Settings
from peerstor.values import GIB, KIB, MIB
from tests.scratch import scratch_folder


class SourcesCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = scratch_folder(self)
        self.path = f"{self.folder}/peerstor.toml"

    def write(self, text: str | bytes) -> None:
        """Write the file."""
        with open(self.path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())

    def read(
        self, text: str | bytes | None = None, *, env: dict[str, str] | None = None, **command: Any
    ) -> Configuration:
        """Read the sources: a file's text, variables, and values of the command line."""
        if text is not None:
            self.write(text)
        file = None if text is None else self.path
        return Sources(command_line=command, environ=env or {}, file=file).read()

    def refusal(
        self, text: str | bytes | None = None, *, env: dict[str, str] | None = None, **command: Any
    ) -> str:
        """Give the line by which sources are refused, with the file's path written as FILE."""
        with self.assertRaises(StartupError) as caught:
            self.read(text, env=env, **command)
        line = str(caught.exception)
        self.assertNotIn("\n", line)
        self.assertTrue(line.endswith((".", "?")), line)
        return line.replace(self.path, "FILE")


class PrecedenceTests(SourcesCase):
    def test_nothing(self) -> None:
        """Without a word from anywhere all is default, and said to be."""
        configuration = self.read()
        self.assertEqual(configuration.settings, Settings())
        self.assertEqual({one.source for one in configuration.given.values()}, {Source.DEFAULT})

    def test_order(self) -> None:
        """The command line counts more than the environment, that more than the file, that more than the default."""
        file = "port = 1\nhttps-port = 1\nhsts = 1\n"
        env = {"PEERSTOR_PORT": "2", "PEERSTOR_HTTPS_PORT": "2"}
        configuration = self.read(file, env=env, port="3")
        found = configuration.settings
        self.assertEqual((found.port, found.https_port, found.hsts, found.drain), (3, 2, 1, 4.0))
        sources = [configuration.given[name].source.value for name in ("port", "https_port", "hsts", "drain")]
        self.assertEqual(sources, ["command line", "environment", "file", "default"])

    def test_lists_are_not_joined(self) -> None:
        """A setting that has several values has all of them from one source."""
        self.assertEqual(
            self.read('allow-host = ["a.b", "c.d"]', allow_host=["e.f"]).settings.allow_host, ("e.f",)
        )

    def test_flags_both_ways(self) -> None:
        """What a file turns on or off, the environment turns off or on."""
        file = "gzip = false\nhttps = true\n"
        self.assertEqual((self.read(file).settings.gzip, self.read(file).settings.https), (False, True))
        turned = self.read(file, env={"PEERSTOR_GZIP": "yes", "PEERSTOR_HTTPS": "0"}).settings
        self.assertEqual((turned.gzip, turned.https), (True, False))

    def test_wrong_though_overridden(self) -> None:
        """What is wrong in one source is said, also where another has the last word."""
        self.assertEqual(
            self.refusal("port = 70000", port="1"),
            "port in FILE must be a whole number from 0 to 65535, not '70000'.",
        )

    def test_which_file(self) -> None:
        """The command line names the file, else the environment does."""
        self.write("port = 5")
        for file, env in ((self.path, {"PEERSTOR_CONFIG": "/nowhere"}), (None, {"PEERSTOR_CONFIG": self.path})):
            sources = Sources(command_line={}, environ=env, file=file)
            self.assertEqual((sources.file, sources.read().settings.port), (self.path, 5))
        with self.assertRaises(StartupError):
            Sources(command_line={}, environ={}, file="")

    def test_working_folder(self) -> None:
        """A daemon that leaves its working folder finds the same paths when it reads its file again."""
        self.write('state = "state"')
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(self.folder)
        sources = Sources(
            command_line={"key": "k"}, environ={"PEERSTOR_CERT": "c", "PEERSTOR_HTTPS": "1"}, file="peerstor.toml"
        )
        os.chdir("/")
        found = sources.read().settings
        here = os.path.realpath(self.folder)
        self.assertEqual(
            [found.storage, found.state, found.cert, found.key],
            [os.fsencode(f"{here}/{name}") for name in ("data", "state", "c", "k")],
        )


class FileTests(SourcesCase):
    def test_values(self) -> None:
        """Numbers stand bare, sizes bare or with their unit in quotes, lists in brackets."""
        found = self.read(
            'port = 81\nmax-upload = "64M"\ngzip-threshold = 65_536\nupload-expiry = 0.5\ndrain = 2\n'
            'allow-host = ["a", ".b.c"]\nstrict-port = true\nfsync = false\nbase-path = "/x"\n'
        ).settings
        self.assertEqual(
            found,
            Settings(
                port=81,
                max_upload=64 * MIB,
                gzip_threshold=64 * KIB,
                upload_expiry=0.5,
                drain=2,
                allow_host=("a", ".b.c"),
                strict_port=True,
                fsync=False,
                base_path="/x",
            ),
        )

    def test_relative_paths(self) -> None:
        """A path is relative to the folder of the file; a word that stands for something else is no path."""
        found = self.read('storage = "../data"\naudit-log = "none"\naccess-log = "log/access"').settings
        self.assertEqual(found.storage, os.fsencode(os.path.join(os.path.dirname(self.folder), "data")))
        self.assertEqual(found.access_log, os.fsencode(f"{self.folder}/log/access"))
        self.assertEqual(found.audit_log, "none")

    def test_wrong_types(self) -> None:
        """A value of another type is refused with both named."""
        for text, words in (
            ('port = "81"', "port in FILE must be a whole number, not a string."),
            ("port = true", "port in FILE must be a whole number, not true or false."),
            ("port = 81.0", "port in FILE must be a whole number, not a number with a fraction."),
            ("gzip = 1", "gzip in FILE must be true or false, not a whole number."),
            (
                "max-upload = 1.5",
                'max-upload in FILE must be a size, as 65536 or "64K", not a number with a fraction.',
            ),
            ("host = 127", "host in FILE must be a string, not a whole number."),
            ("drain = 07:32:00", "drain in FILE must be a number, not a date or time."),
            ('allow-host = "a"', "allow-host in FILE must be an array of strings, not a string."),
            (
                "allow-host = [1]",
                "allow-host in FILE must be an array of strings, not an array with others in it.",
            ),
            ("storage.path = 1", "storage in FILE must be a string, not a table."),
        ):
            with self.subTest(text=text):
                self.assertEqual(self.refusal(text), words)

    def test_wrong_values(self) -> None:
        """A value that isn't allowed is refused as on the command line, but by its key and file."""
        for text, words in (
            ("port = -1", "port in FILE must be a whole number from 0 to 65535, not '-1'."),
            ('max-upload = "big"', "max-upload in FILE must be a size of at least 1 bytes"),
            ("drain = nan", "drain in FILE must be a number of seconds from 0 to 86400, not 'nan'."),
            ('storage = ""', "storage in FILE needs a path."),
            ('token = "short"', "token in FILE must have at least 8 characters"),
            ('allow-host = ["a:1"]', "allow-host in FILE must be a host name without port"),
        ):
            with self.subTest(text=text):
                self.assertTrue(self.refusal(text).startswith(words), self.refusal(text))

    def test_unknown_keys(self) -> None:
        """A key that isn't known is refused with the nearest that is; a flag has one name only."""
        for text, words in (
            ("max-uplod = 1", "There is no setting max-uplod in FILE; did you mean max-upload?"),
            ("max_upload = 1", "There is no setting max_upload in FILE; did you mean max-upload?"),
            ("no-gzip = true", "There is no setting no-gzip in FILE; write gzip = false."),
            ('config = "x"', "There is no setting config in FILE; peerstor --help tells which there are."),
            ('"od\\nd" = 1', "There is no setting od\\nd in FILE; peerstor --help tells which there are."),
            (
                "[uploads]\nmax-upload = 1",
                "[uploads] in FILE is a table; every setting stands at the top, in none.",
            ),
        ):
            with self.subTest(text=text):
                self.assertEqual(self.refusal(text), words)

    def test_unreadable(self) -> None:
        """A file that isn't there, or is no TOML, is one line with its name and the place of the mistake."""
        self.assertRegex(self.refusal("port = \n"), r"^FILE can't be read: .*line 1.*\.$")
        self.assertRegex(self.refusal("port = 1\nport = 2\n"), r"^FILE can't be read: .*line 2.*\.$")
        self.assertEqual(self.refusal(b"host = '\xff'"), "FILE can't be read: it is no UTF-8.")
        self.assertEqual(self.refusal(b"#" * 2**21), "FILE is too large for a file of settings.")
        os.unlink(self.path)
        with self.assertRaises(StartupError) as caught:
            Sources(command_line={}, environ={}, file=self.path).read()
        self.assertEqual(str(caught.exception), f"{self.path} can't be read: No such file or directory.")

    def test_contradictions(self) -> None:
        """Settings that contradict each other are named each by where it was given."""
        self.assertEqual(
            self.refusal("https = true", https_port="8443"),
            "https in FILE speaks HTTPS on --port, --https-port beside it: give one of them, not both.",
        )
        self.assertEqual(
            self.refusal('key = "k"', env={"PEERSTOR_HTTPS": "on"}),
            "key in FILE needs the certificate that it belongs to: --cert FILE.",
        )

    def test_secret_for_all_to_read(self) -> None:
        """A secret in a file that everybody may read is warned of, by its key alone."""
        for text, mode, count in (
            ('token = "0123456789"', 0o644, 1),
            ('token = "0123456789"', 0o640, 0),
            ("port = 1", 0o644, 0),
        ):
            self.write(text)
            os.chmod(self.path, mode)
            warnings = Sources(command_line={}, environ={}, file=self.path).read().warnings
            self.assertEqual(len(warnings), count, (text, mode))
            for line in warnings:
                self.assertIn("(token)", line)
                self.assertIn(self.path, line)
                self.assertNotIn("0123456789", line)


class EnvironmentTests(SourcesCase):
    def test_values(self) -> None:
        """Variables are the options' names; lists have commas; an empty variable says nothing."""
        found = self.read(
            env={
                "PEERSTOR_MAX_UPLOAD": "1GiB",
                "PEERSTOR_ALLOW_HOST": "a, .b.c ,",
                "PEERSTOR_FSYNC": "False",
                "PEERSTOR_PORT": "",
                "PEERSTOR": "1",
                "OTHER": "x",
            }
        ).settings
        self.assertEqual(found, Settings(max_upload=GIB, allow_host=("a", ".b.c"), fsync=False))

    def test_refusals(self) -> None:
        """What is wrong is named by its variable, an unknown one with the nearest that is known."""
        for env, words in (
            ({"PEERSTOR_PORT": "http"}, "PEERSTOR_PORT must be a whole number from 0 to 65535, not 'http'."),
            ({"PEERSTOR_GZIP": "maybe"}, "PEERSTOR_GZIP must be true or false, not 'maybe'."),
            ({"PEERSTOR_PROT": "1"}, "There is no variable PEERSTOR_PROT; did you mean PEERSTOR_PORT?"),
            ({"PEERSTOR_CONFG": "1"}, "There is no variable PEERSTOR_CONFG; did you mean PEERSTOR_CONFIG?"),
            ({"PEERSTOR_NO_GZIP": "1"}, "There is no variable PEERSTOR_NO_GZIP; did you mean PEERSTOR_GZIP?"),
        ):
            with self.subTest(env=env):
                self.assertEqual(self.refusal(env=env), words)

    def test_others_variables(self) -> None:
        """What merely begins like ours is somebody else's, and no reason not to start; it is named in the log."""
        theirs = {"PEERSTOR_CHECKOUT": "/x", "PEERSTOR_TLS_ARGS": "-k", "PEERSTOR_SERVICE_HOST": "::1"}
        with capturedLogs() as events:
            self.assertEqual(self.read(env=theirs).settings, Settings())
        self.assertEqual([event["variable"] for event in events], list(theirs))

    def test_secret_stays_one(self) -> None:
        """A secret shows in no refusal, nor in what is printed of a configuration."""
        self.assertNotIn("sshort", self.refusal(env={"PEERSTOR_TOKEN": "sshort"}))
        self.assertNotIn("long-enough", repr(self.read(env={"PEERSTOR_TOKEN": "long-enough"})))
