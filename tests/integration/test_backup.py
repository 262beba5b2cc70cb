"""`peerstor backup` and `peerstor restore` as real processes, beside a real server and without one."""

import contextlib
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tarfile
import threading
from contextlib import closing

from attrs import evolve

from peerstor.commands.archive import measured, new_file, unpack, write_archive
from peerstor.tree.private import RESTORING
from tests.integration.daemon import PATIENCE, environment, until
from tests.integration.mounts import Ballast, small_disk
from tests.integration.server import Server
from tests.integration.test_token_command import PEERSTOR, STRANGER, TokenCase


def run(*arguments: str) -> "subprocess.CompletedProcess[bytes]":
    """Run a command to its end."""
    return subprocess.run([PEERSTOR, *arguments], capture_output=True, env=environment(), timeout=PATIENCE)


class BackupCase(TokenCase):
    def setUp(self) -> None:
        super().setUp()
        self.file = os.path.join(self.folder, "backup.tar.gz")

    @property
    def private(self) -> str:
        return os.path.join(self.storage, ".peerstor")

    def backup(self, *options: str) -> None:
        """Make one; it has to succeed."""
        ended = run("backup", self.file, "--storage", self.storage, *options)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertIn(b"Not in it: the files themselves", ended.stderr)

    def restore(self, *options: str, storage: str | None = None) -> "subprocess.CompletedProcess[bytes]":
        """Restore it; it has to succeed."""
        ended = run("restore", self.file, "--storage", storage or self.storage, *options)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        return ended

    def synced(self) -> int:
        """Tell how much of the only upload is on the disk, as a backup has it."""
        self.backup()
        with tarfile.open(self.file) as tar:
            tar.extract("uploads.sqlite", self.folder, filter="data")
        with closing(sqlite3.connect(os.path.join(self.folder, "uploads.sqlite"))) as base:
            return int(base.execute("SELECT synced FROM uploads").fetchone()[0])

    def new_storage(self) -> str:
        """Make an empty folder."""
        path = os.path.join(self.folder, f"storage-{len(os.listdir(self.folder))}")
        os.mkdir(path)
        return path

    def names(self, storage: str) -> set[str]:
        """Tell what lies in a private folder, but what every one has."""
        return set(os.listdir(os.path.join(storage, ".peerstor"))) - {"parts", "trash", "lock", "instance"}

    def ledgers(self) -> list[str]:
        return [
            name for name in os.listdir(self.private) if name.startswith("uploads-") and name.endswith("sqlite")
        ]

    def status(self, server: Server, secret: str | None) -> int:
        connection = self.connect(server)
        bearer = b"" if secret is None else b"Authorization: Bearer %s\r\n" % secret.encode()
        connection.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n" % bearer)
        return connection.head_only().status


class BackupTests(BackupCase):
    def test_to_another_machine(self) -> None:
        """What was backed up beside a running server serves elsewhere: tokens, the certificate and the storage's id."""
        secret = self.add("laptop")
        server = self.serve("--https-port", "0", storage=self.storage)
        self.backup()
        self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o600)
        with tarfile.open(self.file) as tar:
            self.assertEqual(
                tar.getnames(), ["manifest.json", "uploads.sqlite", "access.sqlite", "access.key", "tls.pem"]
            )
        server.stop()
        other = self.new_storage()
        self.restore(storage=other)
        for name in self.names(self.storage):
            if name.endswith((".key", ".pem")):
                with open(f"{self.private}/{name}", "rb") as a, open(f"{other}/.peerstor/{name}", "rb") as b:
                    self.assertEqual(a.read(), b.read())
        moved = self.serve(storage=other)
        self.assertEqual((self.status(moved, secret), self.status(moved, None)), (200, 401))
        self.assertEqual(
            {name for name in self.names(other) if name.endswith(".sqlite")},
            {name for name in self.names(self.storage) if name.endswith(".sqlite")},
        )

    def test_uploads(self) -> None:
        """An upload goes on where its part file is; where it isn't, it is at 0 and completes only what is sent anew."""
        server = self.serve(storage=self.storage)
        api = self.api(server)
        self.assertEqual(api.chunk("a", 0, b"x" * 100_000).status, 200)
        until(lambda: self.synced() == 100_000, "the mark of what is synced, which follows within a second")
        self.backup()
        server.stop()
        other = self.new_storage()
        self.restore(storage=other)
        moved = self.serve(storage=other)
        elsewhere = self.api(moved)
        self.assertEqual(elsewhere.offset("a"), 0)
        refused = elsewhere.complete("a", 100_000)
        self.assertEqual((refused.status, refused.json["offset"]), (409, 0))
        self.restore("--force")
        server.start()
        again = self.api(server)
        self.assertEqual(again.offset("a"), 100_000)
        self.assertEqual(again.complete("a", 100_000).status, 200)

    def test_under_load(self) -> None:
        """Each of many backups beside a busy server is whole."""
        server = self.serve(storage=self.storage)
        ended = threading.Event()

        def work() -> None:
            with contextlib.suppress(OSError):
                api = self.api(server)
                number = 0
                while not ended.is_set():
                    number += 1
                    api.chunk(f"f{number}", 0, b"x")
                    api.complete(f"f{number}", 1)

        workers = [threading.Thread(target=work) for _ in range(3)]
        for worker in workers:
            worker.start()
        try:
            counts = []
            for _ in range(5):
                self.backup()
                with tarfile.open(self.file) as tar:
                    tar.extract("uploads.sqlite", self.folder, filter="data")
                with closing(sqlite3.connect(f"{self.folder}/uploads.sqlite")) as base:
                    self.assertEqual(base.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
                    counts += base.execute("SELECT count(*) FROM uploads").fetchone()
        finally:
            ended.set()
            for worker in workers:
                worker.join(PATIENCE)
        self.assertEqual(counts, sorted(counts))
        self.assertGreater(counts[-1], counts[0])
        self.assertFalse([name for name in os.listdir(self.private) if name.endswith((".new", ".scratch"))])

    def test_state_folder(self) -> None:
        """State that lies elsewhere is found there, also by the file of settings, and restored to there."""
        state, settings = f"{self.folder}/state", f"{self.folder}/peerstor.toml"
        with open(settings, "w") as file:
            file.write(f"storage = '{self.storage}'\nstate = '{state}'\n")
        secret = self.add("laptop", "--state", state)
        self.assertEqual(run("backup", self.file, "--config", settings).returncode, 0)
        shutil.rmtree(state)
        self.assertEqual(run("restore", self.file, "--config", settings).returncode, 0)
        server = self.serve("--state", state, storage=self.storage)
        self.assertEqual((self.status(server, secret), self.status(server, None)), (200, 401))

    def test_nothing_there(self) -> None:
        """A storage that nobody has served has no state."""
        self.assert_one_line(run("backup", self.file, "--storage", self.storage), "nothing to back up")
        self.assertFalse(os.path.exists(self.file))

    def test_into_the_storage(self) -> None:
        """A backup isn't written where it would be served."""
        self.add("a")
        os.mkdir(f"{self.storage}/sub")
        os.symlink(f"{self.storage}/sub", f"{self.folder}/link")
        for folder in (self.storage, f"{self.storage}/sub", f"{self.folder}/link"):
            self.assert_one_line(run("backup", f"{folder}/b", "--storage", self.storage), "would be served")

    def test_full_disk(self) -> None:
        """Where there is no room nothing is left, and an older backup stays."""
        self.add("a")
        disk = small_disk(self, 1024 * 1024)
        self.file = f"{disk}/backup"
        self.backup()
        with open(self.file, "rb") as file:
            before = file.read()
        Ballast(disk).leave(0)
        self.assert_one_line(run("backup", self.file, "--storage", self.storage), "No space left")
        self.assertEqual(sorted(os.listdir(disk)), ["backup", "ballast"])
        with open(self.file, "rb") as file:
            self.assertEqual(file.read(), before)

    def test_other_owner(self) -> None:
        """Root backs somebody else's storage up to its own folder, and what it restores belongs to that one."""
        os.chown(self.storage, STRANGER, STRANGER)
        os.chmod(self.folder, 0o755)
        self.add("a")
        self.backup()
        self.assertEqual(os.stat(self.file).st_uid, 0)
        self.restore("--force")
        for path, _, names in os.walk(self.private):
            for name in names:
                self.assertEqual(os.lstat(os.path.join(path, name)).st_uid, STRANGER, name)


class RestoreTests(BackupCase):
    def test_beside_a_server(self) -> None:
        """While a server runs nothing is restored, and it goes on."""
        self.add("a")
        self.backup()
        server = self.serve(storage=self.storage)
        for options in ((), ("--force",)):
            ended = run("restore", self.file, "--storage", self.storage, *options)
            self.assert_one_line(ended, f"already served by process {server.pid}")
        self.assertEqual(self.status(server, None), 401)

    def test_over_state(self) -> None:
        """State that is there is only replaced by force, and then kept; a log of the old ledger ruins no new one."""
        self.add("a")
        server = self.serve("--anonymous", "create", storage=self.storage)
        self.backup()
        self.add("b")
        self.api(server).chunk("new", 0, b"x")
        server.kill()
        ledger = f"{self.private}/{self.ledgers()[0]}"
        self.assertTrue(os.path.exists(f"{ledger}-wal"))
        self.assert_one_line(run("restore", self.file, "--storage", self.storage), "--force")
        self.assertIn(b"What was there is in", self.restore("--force").stderr)
        self.assertFalse(os.path.exists(f"{ledger}-wal"))
        listed = run("token", "list", "--storage", self.storage).stdout
        self.assertIn(b"a     read", listed)
        self.assertNotIn(b"b     read", listed)
        (kept,) = [name for name in os.listdir(self.private) if name.startswith("before-restore-")]
        self.assertIn(f"{self.ledgers()[0]}-wal", os.listdir(f"{self.private}/{kept}"))
        server.start()
        self.assertEqual(self.api(server).offset("new"), 0)

    def test_damaged(self) -> None:
        """Whatever isn't a whole backup changes nothing."""
        self.add("a")
        self.backup()
        before = self.names(self.storage)
        with open(self.file, "rb") as file:
            whole = file.read()
        for content in (b"", b"no backup", whole[:-30], whole[:500] + bytes([whole[500] ^ 255]) + whole[501:]):
            with open(self.file, "wb") as file:
                file.write(content)
            ended = run("restore", self.file, "--storage", self.storage, "--force")
            self.assert_one_line(ended, "can't be restored")
        self.assert_one_line(run("restore", f"{self.file}x", "--storage", self.storage), "can't be read")
        self.assertEqual(self.names(self.storage), before)

    def test_newer(self) -> None:
        """A backup with a newer schema is refused in one line, and so are newer files by backup and by the server."""
        self.serve(storage=self.storage).stop()
        self.add("a")
        for kind, words in (("uploads", "ledger of uploads"), ("access", "access database")):
            (name,) = [one for one in os.listdir(self.private) if one.startswith(kind) and one.endswith("sqlite")]
            path = f"{self.private}/{name}"
            with closing(sqlite3.connect(path)) as base:
                (version,) = base.execute("PRAGMA user_version").fetchone()
                base.execute("PRAGMA user_version = 99")
            self.assert_one_line(run("backup", self.file, "--storage", self.storage), "newer PeerStor (version 99")
            ended = run("--host", "127.0.0.1", "--port", "0", "--storage", self.storage)
            self.assert_one_line(
                ended, f"newer PeerStor (version 99 of it, this one knows {version}). Use that one."
            )
            self.assertIn(words, ended.stderr.decode())
            with closing(sqlite3.connect(path)) as base:
                base.execute(f"PRAGMA user_version = {version}")

    def test_newer_backup(self) -> None:
        """The version that counts is the database's own, whatever the manifest says."""
        self.add("a")
        self.backup()
        self.raise_version()
        ended = run("restore", self.file, "--storage", self.new_storage())
        self.assert_one_line(ended, "written by a newer PeerStor")

    def test_key_alone(self) -> None:
        """A backup whose key has no database with it is none: what comes of it would be open to everybody."""
        self.add("a")
        self.backup()
        paths = self.unpacked()
        del paths["access.sqlite"]
        self.pack(paths)
        ended = run("restore", self.file, "--storage", self.storage, "--force")
        self.assert_one_line(ended, "it has the key of the tokens, and not their database")
        self.assert_whole("a")

    def raise_version(self) -> None:
        """Make a backup whose access database is of version 99."""
        paths = self.unpacked()
        with closing(sqlite3.connect(paths["access.sqlite"])) as base:
            base.execute("PRAGMA user_version = 99")
        self.pack(paths)

    def unpacked(self) -> dict[str, bytes]:
        """Unpack the backup."""
        folder = os.fsencode(self.new_storage())
        with open(self.file, "rb") as file:
            self.manifest = unpack(file, folder)
        return {name: os.path.join(folder, name.encode()) for name in self.manifest.members}

    def pack(self, paths: dict[str, bytes]) -> None:
        """Make a backup of files that were unpacked."""
        manifest = self.manifest
        with new_file(os.fsencode(self.file)) as file:
            write_archive(
                file, evolve(manifest, members={name: measured(path) for name, path in paths.items()}), paths
            )

    def test_cut_off(self) -> None:
        """After a restore that was cut off no server starts; done again, by force, all is well."""
        self.add("a")
        self.backup()
        with open(os.path.join(self.private, RESTORING.decode()), "wb"):
            pass
        ended = run("--host", "127.0.0.1", "--port", "0", "--storage", self.storage)
        self.assert_one_line(ended, "was cut off")
        self.assert_one_line(run("restore", self.file, "--storage", self.storage), "--force")
        self.restore("--force")
        self.assertEqual(self.status(self.serve(storage=self.storage), None), 401)

    def test_killed_at_any_step(self) -> None:
        """Killed at any step it leaves the old state, or the new one, or a storage on which no server starts."""
        self.add("a")
        self.serve(storage=self.storage).stop()
        self.backup()
        self.add("b")
        cut_off = 0
        for step in range(1, 30):
            ended = self.patched(
                "import os, peerstor.commands.restore as r, peerstor.__main__ as m\n"
                "calls = []\n"
                "def dying(real):\n"
                "    def call(*given, **named):\n"
                "        calls.append(real)\n"
                f"        if len(calls) == {step}: os._exit(9)\n"
                "        return real(*given, **named)\n"
                "    return call\n"
                "for name in ('rename', 'mkdir', 'fsync', 'unlink'): setattr(os, name, dying(getattr(os, name)))\n",
                *("restore", self.file, "--storage", self.storage, "--force"),
            )
            if ended.returncode == 0:
                break
            self.assertEqual(ended.returncode, 9, ended.stderr)
            if os.path.exists(os.path.join(self.private, RESTORING.decode())):
                cut_off += 1
                ended = run("--host", "127.0.0.1", "--port", "0", "--storage", self.storage)
                self.assert_one_line(ended, "was cut off")
                continue
            listed = run("token", "list", "--storage", self.storage).stdout
            self.assertIn(b"a     read", listed)
        else:
            raise AssertionError("it never came to its end")
        self.assertGreater(cut_off, 3)
        listed = run("token", "list", "--storage", self.storage).stdout
        self.assertTrue(b"a     read" in listed and b"b     read" not in listed, listed)

    def test_failing_disk(self) -> None:
        """A restore that can't be finished is taken back as a whole."""
        self.add("a")
        self.backup()
        before = self.names(self.storage)
        ended = self.patched(
            "import os, peerstor.commands.restore as r, peerstor.__main__ as m\n"
            "real, calls = os.rename, []\n"
            "def rename(a, b, **rest):\n"
            "    calls.append(a)\n"
            "    if len(calls) == 3: raise OSError(5, 'Input/output error')\n"
            "    real(a, b, **rest)\n"
            "r.os.rename = rename\n",
            *("restore", self.file, "--storage", self.storage, "--force"),
        )
        self.assert_one_line(ended, "Input/output error")
        self.assertEqual(self.names(self.storage), before)
        self.assertIn(b"a     read", run("token", "list", "--storage", self.storage).stdout)

    def test_told_to_end_at_any_step(self) -> None:
        """Told to end at any rename, even between two steps of the program, it comes to its end first."""
        self.add("a")
        self.serve(storage=self.storage).stop()
        self.backup()
        signs = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        for step in range(1, 30):
            self.add(f"b{step}")
            sign = signs[step % 3]
            ended = self.renaming(
                f"    if len(calls) == {step}: os.kill(os.getpid(), {sign})\n"
                "    real(*given, **named)\n"
                f"    if len(calls) == {step}: os.kill(os.getpid(), {sign})\n"
            )
            with self.subTest(step=step):
                self.assert_whole("a")
                self.assertIn(b"restored uploads.sqlite, access.sqlite, access.key of", ended.stdout)
            if ended.returncode == 0:
                break
            ends = (128 + sign,) if sign != signal.SIGINT else (128 + sign, -sign)
            self.assertIn(ended.returncode, ends, ended.stderr)
        self.assertEqual(step, 7)  # each of three files goes, and comes
        self.assertEqual(self.status(self.serve(storage=self.storage), None), 401)

    def test_taken_back_at_any_step(self) -> None:
        """Whatever is raised before or behind a rename, all of it is taken back: the state is the one of before."""
        self.add("a")
        self.serve(storage=self.storage).stop()
        self.backup()
        self.add("b")
        before = self.names(self.storage)
        for step in range(1, 7):
            for made in ("real(*given, **named)", "pass"):
                with self.subTest(step=step, made=made):
                    ended = self.renaming(
                        f"    if len(calls) == {step}:\n"
                        f"        {made}\n"
                        "        raise KeyboardInterrupt\n"
                        "    real(*given, **named)\n"
                    )
                    self.assertNotEqual(ended.returncode, 0)
                    self.assert_whole("a", "b")
                    self.assertEqual(self.names(self.storage), before)
        self.assertEqual(self.status(self.serve(storage=self.storage), None), 401)

    def test_not_taken_back(self) -> None:
        """What can't be taken back leaves a storage on which nothing starts, and says what to do."""
        self.add("a")
        self.backup()
        ended = self.renaming(
            "    if len(calls) >= 2: raise OSError(5, 'Input/output error')\n    real(*given, **named)\n"
        )
        self.assert_one_line(ended, "can't be taken back (Input/output error). No server starts")
        self.assertIn(b"before-restore-", ended.stderr)
        self.assert_closed("was cut off")
        self.restore("--force")
        self.assert_whole("a")

    def test_cut_off_and_taken_back(self) -> None:
        """A restore that is taken back doesn't make whole what one before it has left broken."""
        self.add("a")
        self.backup()
        self.renaming("    real(*given, **named)\n    if len(calls) == 1: os._exit(9)\n")
        self.assertNotIn(True, [name.endswith(".sqlite") for name in self.names(self.storage)])
        ended = self.renaming(
            "    if len(calls) == 2: raise OSError(5, 'Input/output error')\n    real(*given, **named)\n"
        )
        self.assert_one_line(ended, "Input/output error")
        self.assert_closed("was cut off")
        self.restore("--force")
        self.assert_whole("a")

    def test_database_gone(self) -> None:
        """A key without its database closes everything, by whatever it came to be so; removed too, all is anew."""
        self.add("a")
        key, database = (
            os.path.join(self.private, name)
            for name in sorted(self.names(self.storage))
            if name.startswith("access-")
        )
        os.unlink(database)
        self.assert_closed("is gone, and without it everybody would get in")
        os.unlink(key)
        self.add("b")
        self.assert_whole("b")

    def assert_whole(self, *names: str) -> None:
        """See that these are the tokens, and that no restore is under way."""
        ended = run("token", "list", "--storage", self.storage)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertEqual([line.split()[0].decode() for line in ended.stdout.splitlines()[1:]], [*names])

    def assert_closed(self, words: str) -> None:
        """See that no server starts, and that no command takes the state for whole."""
        self.assert_one_line(run("--host", "127.0.0.1", "--port", "0", "--storage", self.storage), words)
        for command in (("token", "list"), ("token", "add", "x"), ("backup", self.file + ".2")):
            self.assert_one_line(run(*command, "--storage", self.storage), words)

    def renaming(self, code: str) -> "subprocess.CompletedProcess[bytes]":
        """Restore in a process in which something happens at its renames, which `calls` counts."""
        return self.patched(
            "import os, signal, peerstor.commands.restore as r, peerstor.__main__ as m\n"
            # A shell starts what runs in its background with it ignored.
            "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
            "real, calls = os.rename, []\n"
            "def rename(*given, **named):\n"
            "    calls.append(given)\n"
            f"{code}"
            "os.rename = rename\n",
            *("restore", self.file, "--storage", self.storage, "--force"),
        )

    def test_older(self) -> None:
        """A backup with an older schema is restored and migrated at the next start, and a copy is kept."""
        self.add("a")
        self.serve(storage=self.storage).stop()
        path = f"{self.private}/{self.ledgers()[0]}"
        with closing(sqlite3.connect(path)) as base:
            base.executescript(
                "ALTER TABLE uploads DROP COLUMN counted; ALTER TABLE uploads DROP COLUMN checked;"
                "PRAGMA user_version = 1"
            )
        self.backup()
        other = self.new_storage()
        self.restore(storage=other)
        server = self.serve("--anonymous", "create", storage=other)
        self.assertEqual(self.api(server).chunk("a", 0, b"x").status, 200)
        self.assertIn(f"{self.ledgers()[0]}.before-1", self.names(other))

    def test_told_to_end(self) -> None:
        """A backup that is told to end in the middle leaves nothing behind."""
        self.add("a")
        ended = self.patched(
            "import os, signal, peerstor.commands.backup as b, peerstor.__main__ as m\n"
            "b.write_archive = lambda *rest: os.kill(os.getpid(), signal.SIGTERM)\n",
            *("backup", self.file, "--storage", self.storage),
        )
        self.assertEqual((ended.returncode, ended.stdout, ended.stderr), (128 + signal.SIGTERM, b"", b""))
        self.assertFalse([name for name in os.listdir(self.folder) if name.endswith((".new", ".gz"))])
        self.assertFalse([name for name in os.listdir(self.private) if name.endswith((".new", ".scratch"))])

    def patched(self, code: str, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
        """Run a command to its end in a process that something was done to before."""
        return subprocess.run(
            [sys.executable, "-c", f"{code}import sys; m.main(sys.argv[1:])", *arguments],
            capture_output=True,
            env=environment(),
            timeout=PATIENCE,
        )
