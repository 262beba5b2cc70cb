"""Nothing of the server's own is served: state, keys, settings and logs in the storage, as real processes."""

import contextlib
import json
import os
import signal
import subprocess

from tests.certificates import Authority
from tests.integration.daemon import PATIENCE, TWISTD, environment, until
from tests.integration.mounts import mount
from tests.integration.test_backup import run
from tests.integration.test_token_command import TokenCase

LOCAL = ("--host", "127.0.0.1", "--port", "0")


class ExposureCase(TokenCase):
    def setUp(self) -> None:
        super().setUp()
        self.inner = f"{self.storage}/inner"
        os.mkdir(self.inner)

    def files(self) -> list[str]:
        """List what lies in the storage."""
        return sorted(
            os.path.join(path, name)
            for path, folders, files in os.walk(self.storage)
            for name in (*folders, *files)
        )

    def finding(self, *options: str) -> dict[str, str]:
        """Give what the doctor says of it."""
        ended = run("doctor", "--json", *LOCAL, *options)
        (found,) = [one for one in json.loads(ended.stdout)["findings"] if one["check"] == "secrecy"]
        self.assertEqual(ended.returncode, int(found["level"] == "wrong"), ended.stdout)
        return found


class StartTests(ExposureCase):
    def test_refused(self) -> None:
        """Whatever lies in the storage is refused by the server, check-config and doctor, and nothing is made there."""
        cert, key = Authority().issue().write(self.inner)
        both, settings = f"{self.inner}/both.pem", f"{self.inner}/peerstor.toml"
        with open(both, "wb") as file, open(cert, "rb") as one, open(key, "rb") as other:
            file.write(one.read() + other.read())
        with open(settings, "w") as text:
            text.write("max-upload = 1\n")
        os.symlink(self.inner, f"{self.folder}/link")
        os.symlink(self.folder, f"{self.storage}/out")
        before = self.files()
        for options, what in (
            (("--state", f"{self.inner}/state"), "state folder"),
            (("--state", self.storage), "state folder"),
            (("--state", f"{self.folder}/link/state"), "state folder"),
            (("--state", f"{self.storage}/out/state"), "state folder"),
            (("--https", "--cert", cert, "--key", key), "key"),
            (("--https", "--cert", both), "key"),
            (("--config", settings), "file of settings"),
            (("--audit-log", f"{self.inner}/audit"), "audit log"),
            (("--access-log", f"{self.inner}/access"), "access log"),
        ):
            with self.subTest(options=options):
                words = f"The {what} {options[-1]} lies in the storage, where clients reach it. Move it out"
                self.assert_one_line(run(*LOCAL, "--storage", self.storage, *options), words)
                self.assert_one_line(run("check-config", "--storage", self.storage, *options), words)
                self.assertIn(
                    words.partition(" Move")[0], self.finding("--storage", self.storage, *options)["text"]
                )
        socket = f"unix:{self.inner}/socket"
        self.assert_one_line(run("--listen", socket, "--storage", self.storage), "lies in the storage")
        self.assertEqual(self.files(), before)
        self.assertFalse(os.path.exists(f"{self.folder}/state"))

    def test_first_start(self) -> None:
        """So it is before there is a storage."""
        storage = f"{self.folder}/new"
        ended = run(*LOCAL, "--storage", storage, "--state", f"{storage}/state")
        self.assert_one_line(ended, "lies in the storage")
        self.assertFalse(os.path.exists(storage))

    def test_twistd(self) -> None:
        """The files of twistd are refused as well, also those that it has without being told."""
        for options in (
            ("--pidfile", f"{self.inner}/pid", "--logfile", f"{self.folder}/log"),
            ("--pidfile", f"{self.folder}/pid", "--logfile", f"{self.inner}/log"),
            (),
        ):
            self.addCleanup(self.end_daemon, f"{self.inner}/twistd.pid" if not options else options[1])
            ended = subprocess.run(
                [TWISTD, *options, "peerstor", *LOCAL, "--storage", self.storage],
                cwd=self.inner,
                env=environment(),
                capture_output=True,
                timeout=PATIENCE,
            )
            self.assert_one_line(ended, "lies in the storage")
        self.assertEqual(os.listdir(self.inner), [])

    def end_daemon(self, pidfile: str) -> None:
        """Leave no daemon behind, where one has started all the same."""
        with contextlib.suppress(FileNotFoundError), open(pidfile) as file:
            os.kill(int(file.read()), signal.SIGKILL)

    def test_allowed(self) -> None:
        """In the private folder everything may lie, and a certificate anywhere; none of it is served."""
        private = f"{self.storage}/.peerstor"
        os.mkdir(private, 0o700)
        made, key = Authority().issue().write(private)
        cert = f"{self.inner}/cert.pem"
        os.rename(made, cert)
        state = f"{private}/state"
        options = (
            *("--state", state, "--https-port", "0", "--cert", cert, "--key", key),
            *("--audit-log", f"{private}/audit", "--access-log", f"{private}/access"),
        )
        self.assertEqual(self.finding("--storage", self.storage, *options)["level"], "ok")
        secret = self.add("a", "--state", state)
        server = self.serve(*options, storage=self.storage)
        self.assertEqual((self.status(server, secret), self.status(server, None)), (200, 401))

    def test_mounted_into_it(self) -> None:
        """A state folder that a mount of a part of the storage brings into it has no address."""
        outer = f"{self.folder}/outer"
        os.mkdir(outer)
        mount(self, "--bind", self.inner, outer)
        server = self.serve("--state", f"{outer}/state", storage=self.storage)
        api = self.connect(server)
        for path in (
            b"/inner/state/",
            *(b"/inner/state/" + os.fsencode(name) for name in os.listdir(f"{outer}/state")),
        ):
            api.send(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path)
            self.assertEqual(api.answer().status, 404, path)

    def test_reload(self) -> None:
        """On SIGHUP a log that would lie in the storage is refused, and the one of before goes on."""
        settings = f"{self.folder}/peerstor.toml"
        with open(settings, "w") as file:
            file.write("")
        server = self.serve("--config", settings, storage=self.storage)
        with open(settings, "w") as file:
            file.write(f"audit-log = '{self.inner}/audit'\nmax-upload = 1\n")
        assert server.process is not None
        server.process.send_signal(signal.SIGHUP)
        until(lambda: b"All settings stay as they are: The audit log" in server.log, "the refusal")
        self.assertEqual(os.listdir(self.inner), [])


class CommandTests(ExposureCase):
    def test_refused(self) -> None:
        """No command makes state in the storage, or takes what lies there for it."""
        file = f"{self.folder}/backup"
        self.add("a")
        self.assertEqual(run("backup", file, "--storage", self.storage).returncode, 0)
        before = self.files()
        os.symlink(self.inner, f"{self.folder}/link")
        for state in (f"{self.inner}/state", f"{self.folder}/link"):
            for command in (("token", "add", "b"), ("token", "list"), ("backup", f"{file}2"), ("restore", file)):
                ended = run(*command, "--storage", self.storage, "--state", state)
                self.assert_one_line(ended, f"The state folder {state} lies in the storage")
        self.assertEqual(self.files(), before)
