"""`peerstor doctor` as a real process, with and without a server, on machines where something is wrong."""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import Any

from tests.certificates import Authority
from tests.integration.daemon import PATIENCE, environment
from tests.integration.mounts import Ballast, mount, small_disk
from tests.integration.server import free_port
from tests.integration.test_token_command import PEERSTOR, STRANGER, TokenCase

_AS_STRANGER = """
import encodings.ascii, encodings.idna, os, sys  # who may not read this Python finds no more of it afterwards
import peerstor.__main__, peerstor.commands.doctor
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
peerstor.__main__.main(["doctor", *sys.argv[1:]])
"""


def doctor(
    *arguments: str, program: tuple[str, ...] = (PEERSTOR, "doctor")
) -> "subprocess.CompletedProcess[bytes]":
    """Run it to its end."""
    return subprocess.run(
        [*program, *arguments], capture_output=True, env=environment(), timeout=PATIENCE, cwd="/"
    )


def everything(folder: str) -> set[str]:
    """List all that lies below a folder, but the log that a server's ledger has or hasn't at any moment."""
    found = {os.path.join(path, name) for path, folders, files in os.walk(folder) for name in (*folders, *files)}
    return {path for path in found if not path.endswith("-wal")}


class DoctorTests(TokenCase):
    def setUp(self) -> None:
        super().setUp()
        self.local = ("--host", "127.0.0.1", "--port", str(free_port()))

    def examine(self, *options: str, status: int = 0, storage: str | None = None) -> dict[str, dict[str, Any]]:
        """Give what was found, by check; of several of one check the worst."""
        storage = storage or self.storage
        before = everything(storage) if os.path.exists(storage) else set()
        ended = doctor("--json", "--storage", storage, *options)
        self.assertEqual((ended.returncode, ended.stderr), (status, b""), ended.stdout)
        after = everything(storage) if os.path.exists(storage) else set()
        self.assertEqual(after - before, set(), "something stayed")
        found = json.loads(ended.stdout)
        self.assertEqual(found["status"] == "wrong", status == 1)
        order = ("ok", "warning", "wrong")
        ranked = sorted(found["findings"], key=lambda one: order.index(one["level"]))
        for one in ranked:
            self.assertEqual(one["advice"] is None, one["level"] == "ok" and one["check"] != "address", one)
        return {one["check"]: one for one in ranked}

    def test_before_the_first_start(self) -> None:
        """On a machine on which nothing has run yet all is well, and nothing is made."""
        found = self.examine(*self.local)
        self.assertEqual({one["level"] for one in found.values()} - {"ok"}, {"warning"}, found)
        self.assertEqual([name for name, one in found.items() if one["level"] != "ok"], ["address"])
        absent = self.examine(*self.local, storage=f"{self.folder}/none")
        self.assertEqual(absent["storage"]["level"], "ok")
        self.assertFalse(os.path.exists(f"{self.folder}/none"))

    def test_beside_a_server(self) -> None:
        """Beside a server that runs its process and ports are told, and it is asked; the server doesn't notice."""
        server = self.serve("--host", "0.0.0.0", "--base-path", "/files", storage=self.storage)
        options = ("--port", str(server.port), "--base-path", "/files")
        found = self.examine(*options)
        self.assertIn(f"Process {server.pid} serves", found["server"]["text"])
        self.assertEqual(found["port"]["text"], f"The server that runs has port {server.port}.")
        self.assertIn("/files/, which answers here", found["address"]["text"])
        self.assertEqual(found["database"]["level"], "ok")
        self.assertEqual(found["access"]["level"], "warning")
        other = self.examine("--port", str(server.port), "--base-path", "/other", status=1)
        self.assertEqual(other["address"]["level"], "wrong")

    def test_in_words(self) -> None:
        """Without --json each finding is a line that begins with how it is, and says what to do."""
        ended = doctor("--storage", self.storage, *self.local, "--cert", "/none", "--https")
        lines = ended.stdout.decode().splitlines()
        self.assertEqual(ended.returncode, 1)
        self.assertTrue(any(line.startswith("wrong    certificate") for line in lines), lines)
        self.assertTrue(any("-> Name others with --cert and --key." in line for line in lines))
        self.assertRegex(lines[-1], r"^PeerStor \S+: \d+ ok, 1 warning, 1 wrong\.$")
        self.assertLessEqual(max(map(len, lines)), 110)

    def test_same_options(self) -> None:
        """It takes the options of the server by every means, and refuses what that does."""
        settings = f"{self.folder}/peerstor.toml"
        with open(settings, "w") as file:
            file.write(f"storage = '{self.storage}'\nhost = '127.0.0.1'\nport = {self.local[-1]}\n")
        ended = doctor("--config", settings, "--json")
        self.assertEqual(ended.returncode, 0)
        self.assertIn(f"Port {self.local[-1]} is free", ended.stdout.decode())
        self.assert_one_line(doctor("--port", "x"), "--port must be a whole number")
        self.assertIn(b"--json", doctor("--help").stdout)
        self.assertIn(
            b"doctor", subprocess.run([PEERSTOR, "--help"], capture_output=True, env=environment()).stdout
        )

    def test_held_port(self) -> None:
        """A port that another program holds is wrong where it has to be that one, with its holder."""
        with socket.create_server(("127.0.0.1", 0)) as held:
            options = ("--host", "127.0.0.1", "--port", str(held.getsockname()[1]))
            self.assertEqual(self.examine(*options)["port"]["level"], "warning")
            found = self.examine(*options, "--strict-port", status=1)["port"]
            self.assertEqual((found["level"], f"(process {os.getpid()})" in found["text"]), ("wrong", True))

    def test_read_only(self) -> None:
        """A storage that is mounted read-only is wrong."""
        disk = small_disk(self, 2**30)
        mount(self, "-o", "remount,ro", disk)
        found = self.examine(*self.local, storage=disk, status=1)
        self.assertIn("read-only", found["storage"]["text"])

    def test_full_disk(self) -> None:
        """A full disk is wrong, and leaves nothing behind."""
        disk = small_disk(self, 2**20)
        Ballast(disk).leave(0)
        found = self.examine(*self.local, storage=disk, status=1)
        self.assertEqual(found["free space"]["level"], "wrong")
        self.assertEqual(os.listdir(disk), ["ballast"])

    def test_no_rights(self) -> None:
        """A storage that isn't this user's is wrong; root looks at it as its owner, and nothing becomes root's."""
        self.add("a")
        program = (sys.executable, "-c", _AS_STRANGER)
        os.chmod(self.storage, 0o755)
        ended = doctor("--json", "--storage", self.storage, *self.local, program=program)
        self.assertEqual(ended.returncode, 1, ended.stderr)
        levels = {one["check"]: one["level"] for one in json.loads(ended.stdout)["findings"]}
        self.assertEqual((levels["storage"], levels["private"]), ("wrong", "wrong"))
        shutil.rmtree(f"{self.storage}/.peerstor")
        os.chown(self.storage, STRANGER, STRANGER)
        self.add("a")
        found = self.examine(*self.local)
        self.assertIn("by user nobody", found["storage"]["text"])
        self.assertEqual(found["tokens"]["level"], "ok")

    def test_expired(self) -> None:
        """A certificate that has expired is wrong."""
        cert, key = Authority().issue(days=-1).write(self.folder)
        found = self.examine(*self.local, "--https", "--cert", cert, "--key", key, status=1)
        self.assertIn("It expired on", found["certificate"]["text"])

    def test_newer(self) -> None:
        """State of a newer PeerStor is wrong, before a server refuses it."""
        self.add("a")
        (name,) = [one for one in os.listdir(f"{self.storage}/.peerstor") if one.endswith(".sqlite")]
        with closing(sqlite3.connect(f"{self.storage}/.peerstor/{name}")) as base:
            base.execute("PRAGMA user_version = 99")
        self.assertIn("newer PeerStor", self.examine(*self.local, status=1)["database"]["text"])

    def test_told_to_end(self) -> None:
        """Told to end in the middle, it leaves nothing behind."""
        code = (
            "import os, signal, sys, peerstor.checks.abilities as a, peerstor.__main__ as m\n"
            "a.check_locks = lambda folder: os.kill(os.getpid(), signal.SIGTERM)\n"
            "m.main(['doctor', *sys.argv[1:]])\n"
        )
        ended = doctor("--storage", self.storage, *self.local, program=(sys.executable, "-c", code))
        self.assertEqual((ended.returncode, ended.stdout), (128 + signal.SIGTERM, b""), ended.stderr)
        self.assertEqual(os.listdir(self.storage), [])
