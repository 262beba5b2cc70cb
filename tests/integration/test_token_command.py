"""`peerstor token` as real processes, beside a real server and without one."""

import http.client
import os
import pwd
import stat
import subprocess
import sys
import time
from unittest import SkipTest

from tests.integration.daemon import BIN, PATIENCE, environment
from tests.integration.server import Server, ServerCase
from tests.scratch import scratch_folder

PEERSTOR = os.path.join(BIN, "peerstor")

# Somebody who owns nothing here, and may not even be allowed to read this Python: it is left behind after that.
STRANGER = 65534
_AS_STRANGER = """
import os, sys
import peerstor.__main__, peerstor.commands.token, argon2
os.setgroups([])
os.setresgid(*[int(sys.argv[1])] * 3)
os.setresuid(*[int(sys.argv[1])] * 3)
peerstor.__main__.main(["token", *sys.argv[2:]])
"""


def token(*arguments: str, **options: object) -> "subprocess.CompletedProcess[bytes]":
    """Run a command to its end."""
    return _run(PEERSTOR, "token", *arguments, **options)


def token_as_stranger(*arguments: str) -> "subprocess.CompletedProcess[bytes]":
    """Run a command as somebody else."""
    return _run(sys.executable, "-c", _AS_STRANGER, str(STRANGER), *arguments)


def _run(*command: str, **options: object) -> "subprocess.CompletedProcess[bytes]":
    rest: dict[str, object] = {"capture_output": True, "env": environment(), "timeout": PATIENCE, **options}
    return subprocess.run(command, **rest)  # type: ignore[call-overload,no-any-return]


class TokenCase(ServerCase):
    """Gives a storage (`self.storage`) and the commands on it."""

    def setUp(self) -> None:
        self.folder = scratch_folder(self)
        os.chmod(self.folder, 0o755)
        self.storage = os.path.join(self.folder, "storage")
        os.mkdir(self.storage)

    def add(self, name: str, *options: str) -> str:
        """Add a token and give its secret, as `$(…)` of a shell would."""
        ended = token("add", name, "--storage", self.storage, *options)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        text = ended.stdout.decode()
        self.assertTrue(text.startswith("ps_") and text.count("\n") == 1, text)
        return text.strip()

    def revoke(self, name: str, *options: str) -> None:
        """Revoke a token."""
        ended = token("revoke", name, "--storage", self.storage, *options)
        self.assertEqual((ended.returncode, ended.stdout), (0, f"revoked {name}\n".encode()), ended.stderr)

    def assert_one_line(self, ended: "subprocess.CompletedProcess[bytes]", words: str) -> None:
        """See that a command failed, with one line that says why."""
        text = ended.stderr.decode()
        self.assertEqual((ended.returncode, ended.stdout, text.count("\n")), (1, b"", 1), text)
        self.assertIn(words, text)

    def status(self, server: Server, secret: str | None) -> int:
        """Ask a server for its listing, with or without a token."""
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        self.addCleanup(connection.close)
        connection.request("GET", "/", headers={"Authorization": f"Bearer {secret}"} if secret else {})
        return connection.getresponse().status


class TokenCommandTests(TokenCase):
    def test_beside_a_server(self) -> None:
        """A running server takes a token within half a second and is closed from then on; revoked is in force."""
        server = self.serve(storage=self.storage)
        self.assertEqual(self.status(server, None), 200)
        secret = self.add("laptop")
        time.sleep(0.5)
        self.assertEqual((self.status(server, secret), self.status(server, None)), (200, 401))
        other = self.add("other")
        self.revoke("laptop")
        self.assertEqual((self.status(server, secret), self.status(server, other)), (401, 200))

    def test_before_the_server(self) -> None:
        """Tokens that are made before the first start count from its first answer on, and after every restart."""
        secret = self.add("laptop", "--rights", "read")
        server = self.serve(storage=self.storage)
        for _ in range(2):
            self.assertEqual((self.status(server, secret), self.status(server, None)), (200, 401))
            server.stop()
            server.start()

    def test_running_transfer(self) -> None:
        """What is being downloaded with a token ends when that is revoked."""
        with open(f"{self.storage}/large", "wb") as file:
            file.truncate(2**30)
        server = self.serve(storage=self.storage)
        secret = self.add("laptop")
        time.sleep(0.5)
        connection = self.connect(server)
        connection.send(
            b"GET /large HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n" % secret.encode()
        )
        self.assertEqual(connection.head_only().status, 200)
        self.revoke("laptop")
        self.assertLess(len(connection.rest()), 2**30)

    def test_other_state(self) -> None:
        """A server with a state folder finds the tokens there; without it the command refuses."""
        state = f"{self.folder}/state"
        server = self.serve("--state", state, storage=self.storage)
        secret = self.add("laptop", "--state", state)
        time.sleep(0.5)
        self.assertEqual((self.status(server, secret), self.status(server, None)), (200, 401))
        self.assert_one_line(token("add", "x", "--storage", self.storage), "Name that one with --state DIR")

    def test_three_ways(self) -> None:
        """The command and `python -m peerstor token` are the same, with ./data by default."""
        os.mkdir(f"{self.folder}/data")
        self.assertEqual(token("add", "a", cwd=self.folder).returncode, 0)
        listed = _run(sys.executable, "-m", "peerstor", "token", "list", cwd=self.folder)
        self.assertEqual((listed.returncode, listed.stderr), (0, b""))
        self.assertIn(b"a     read,create,change  /", listed.stdout)

    def test_secret_nobody_could_read(self) -> None:
        """Where the secret can't be printed there is no token: nobody would ever have it."""
        with open("/dev/full", "wb") as full:
            ended = token("add", "a", "--storage", self.storage, capture_output=False, stdout=full, stderr=-1)
        self.assertEqual(ended.returncode, 1)
        self.assertIn(b"could not be printed", ended.stderr)
        self.assertNotIn(b"Traceback", ended.stderr)
        self.assertEqual(token("list", "--storage", self.storage).stdout, b"")

    def test_wrong(self) -> None:
        """What can't be done is one line and exit status 1."""
        self.assert_one_line(token("add", "a", "--storage", f"{self.folder}/none"), "There is no storage at")
        self.assert_one_line(token("revoke", "a", "--storage", self.storage), "There is no token 'a'")
        self.add("a")
        self.assert_one_line(token("add", "A", "--storage", self.storage), "The name A is taken")

    def test_two_at_once(self) -> None:
        """Commands that run at once don't disturb each other: one of a name gets it."""
        running = [
            subprocess.Popen(
                [PEERSTOR, "token", "add", name, "--storage", self.storage],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment(),
            )
            for name in ("a", "b", "c", "c")
        ]
        ended = [(one.communicate(timeout=PATIENCE), one.returncode) for one in running]
        self.assertEqual(sorted(status for _, status in ended), [0, 0, 0, 1], ended)
        secrets = {out for (out, _), status in ended if status == 0}
        self.assertEqual(len(secrets), 3)
        server = self.serve(storage=self.storage)
        for secret in secrets:
            self.assertEqual(self.status(server, secret.decode().strip()), 200)


class OtherUserTests(TokenCase):
    """With a storage that belongs to somebody else; these need root."""

    def setUp(self) -> None:
        if os.geteuid() != 0:
            raise SkipTest("needs root")
        super().setUp()

    def owners(self, folder: str) -> set[int]:
        """Tell who owns what lies below a folder, and see that no file is open to others."""
        found = set()
        for path, _, names in os.walk(folder):
            for name in names:
                one = os.lstat(os.path.join(path, name))
                self.assertEqual(stat.S_IMODE(one.st_mode), 0o600, name)
                found.add(one.st_uid)
            found.add(os.lstat(path).st_uid)
        return found

    def test_root(self) -> None:
        """What root makes belongs to the storage's owner, be the private folder there or not."""
        os.chown(self.storage, STRANGER, STRANGER)
        self.add("a")
        self.assertEqual(self.owners(self.storage), {STRANGER})
        as_owner = token_as_stranger("list", "--storage", self.storage)
        self.assertIn(b"a     read,create,change", as_owner.stdout)
        self.revoke("a")
        self.assertEqual(self.owners(self.storage), {STRANGER})

    def test_root_with_state(self) -> None:
        """The same holds of a state folder."""
        os.chown(self.storage, STRANGER, STRANGER)
        state = f"{self.folder}/state"
        os.mkdir(state, 0o700)
        os.chown(state, STRANGER, STRANGER)
        self.add("a", "--state", state)
        self.assertEqual(self.owners(state), {STRANGER})

    def test_unknown_user(self) -> None:
        """The owner needs no account here: containers have users that nobody knows."""
        unknown = next(uid for uid in range(54321, 65000) if not _known(uid))
        os.chown(self.storage, unknown, unknown)
        self.add("a")
        self.assertEqual(self.owners(self.storage), {unknown})

    def test_not_permitted(self) -> None:
        """Somebody else's storage can't be used, and one line says so."""
        self.add("a")
        for command in (("list",), ("add", "b"), ("revoke", "a")):
            self.assert_one_line(token_as_stranger(*command, "--storage", self.storage), "Permission denied")


def _known(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True
