"""`peerstor token`, within this process."""

import io
import json
import os
import re
import stat
import time
from contextlib import redirect_stderr, redirect_stdout

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from peerstor.access.rights import Grant, Right
from peerstor.access.tokens import Tokens
from peerstor.commands import place as place_module
from peerstor.commands import token
from peerstor.commands.place import place_of
from peerstor.settings import Settings
from peerstor.tree.private import PrivateFolder
from tests.scratch import scratch_folder


@frozen
class Ended:
    """How a command ended.

    :param line: the line that it failed with; None for none.
    """

    out: str
    notes: str
    line: str | None


class CommandCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = scratch_folder(self)
        self.storage = f"{self.folder}/storage"
        os.mkdir(self.storage)
        self.patch(token, "IN_FORCE_AFTER", 0)

    def command(self, *arguments: str, storage: str | None = None) -> Ended:
        """Run a command on the storage."""
        out, notes, line = io.StringIO(), io.StringIO(), None
        with redirect_stdout(out), redirect_stderr(notes):
            try:
                token.run([*arguments, "--storage", storage or self.storage])
            except SystemExit as ended:
                assert isinstance(ended.code, str), ended.code
                line = ended.code
        if line is not None:
            self.assertTrue(line.startswith("peerstor: ") and line.endswith((".", "?")), line)
            self.assertNotIn("\n", line)
        return Ended(out.getvalue(), notes.getvalue(), line)

    def tokens(self, state: str | None = None) -> Tokens:
        """Use the tokens of the storage."""
        with place_of(Settings(storage=self.storage, state=state)) as place:
            tokens = token._tokens(place)
        tokens.load()
        return tokens


class AddTests(CommandCase):
    def test_secret_alone(self) -> None:
        """The secret is alone on standard output; all else is said beside."""
        ended = self.command("add", "laptop")
        self.assertIsNone(ended.line)
        self.assertTrue(re.fullmatch(r"ps_[A-Za-z0-9_-]{43}\n", ended.out), ended.out)
        self.assertNotIn(ended.out.strip(), ended.notes)
        found = self.tokens().find(ended.out.strip().encode())
        assert found is not None
        self.assertEqual(
            (found.name, found.grant), ("laptop", Grant((), Right.READ | Right.CREATE | Right.CHANGE))
        )
        self.assertIsNone(found.expires)

    def test_everything_said(self) -> None:
        """Options stand before or behind the name, and reach the token."""
        for number, arguments in enumerate(
            (
                ("--rights", "read", "{}", "--path", "/a/b/", "--expires=2w"),
                ("{}", "--rights=read", "--path", "a/b", "--expires", "2w"),
                ("--rights", "read", "--path=/a/b", "--expires", "2w", "{}"),
            )
        ):
            secret = self.command("add", *(one.format(f"t{number}") for one in arguments)).out
            found = self.tokens().find(secret.strip().encode())
            assert found is not None
            self.assertEqual((found.name, found.grant), (f"t{number}", Grant((b"a", b"b"), Right.READ)))
            self.assertLess(abs((found.expires or 0) - time.time() - 14 * 86400), 60)

    def test_notes(self) -> None:
        """It is said when the path isn't there, and what the first token means for everybody else."""
        first = self.command("add", "a", "--path", "/later")
        self.assertIn("There is no folder /later/ yet.", first.notes)
        self.assertIn("the first one", first.notes)
        os.mkdir(f"{self.storage}/later")
        second = self.command("add", "b", "--path", "/later")
        self.assertNotIn("no folder", second.notes)
        self.assertNotIn("first", second.notes)

    def test_refused(self) -> None:
        """Whatever is wrong is one line that says what, and makes nothing."""
        for arguments, words in (
            (("add",), "One name is needed, not 0."),
            (("add", "a", "b"), "One name is needed, not 2."),
            (("add", "two words"), "'two words' can't be a token's name"),
            (("add", "Owner"), "but not anonymous or owner"),
            (("add", "a", "--rights", "raed"), "did you mean read?"),
            (("add", "a", "--path", "/a/../b"), "not '/a/../b'"),
            (("add", "a", "--path", "/a//b"), "without . or .."),
            (("add", "a", "--path", "/.Peerstor/trash"), "--path must be"),
            (("add", "a", "--expires", "soon"), "--expires must be as"),
            (("add", "a", "--bogus"), "--bogus not recognized"),
            (("add", "a", "--state", ""), "--state needs a path"),
            (("revoke",), "One name is needed"),
            (("list", "a"), "Wrong number of arguments"),
            (("frob",), "Unknown command: frob"),
        ):
            with self.subTest(arguments=arguments):
                ended = self.command(*arguments)
                self.assertIn(words, ended.line or "")
                self.assertEqual(ended.out, "")
        self.assertEqual(len(self.tokens()), 0)

    def test_no_command(self) -> None:
        """Without a command it is said which there are."""
        with self.assertRaises(SystemExit) as caught:
            token.run([])
        self.assertIn("token add NAME, token list or token revoke NAME", str(caught.exception.code))

    def test_taken(self) -> None:
        """A name that is taken is said to be, with the way out."""
        self.command("add", "a")
        self.assertIn("peerstor token revoke A", self.command("add", "A").line or "")

    def test_strange_paths(self) -> None:
        """A path may be any bytes that a name may be."""
        secret = self.command("add", "a", "--path", os.fsdecode(b"/\xff\xe4")).out
        found = self.tokens().find(secret.strip().encode())
        assert found is not None
        self.assertEqual(found.grant.parts, (b"\xff\xe4",))
        self.assertIn("/\\xff\\xe4/", self.command("list").out)


class ListTests(CommandCase):
    def test_table(self) -> None:
        """The table has a line for each token and no secret."""
        secrets = [
            self.command("add", "a", "--rights", "create", "--path", "/drop").out.strip(),
            self.command("add", "B", "--expires", "30d").out.strip(),
        ]
        out = self.command("list").out
        head, first, second = out.splitlines()
        self.assertEqual(head.split(), ["NAME", "RIGHTS", "PATH", "CREATED", "EXPIRES"])
        self.assertTrue(re.fullmatch(r"a +create +/drop/ +\d{4}-\d\d-\d\d \d\d:\d\d +never", first), first)
        self.assertTrue(re.fullmatch(r"B +read,create,change +/ +\S+ \S+ +\S+ \S+", second), second)
        for secret in secrets:
            self.assertNotIn(secret[3:], out)

    def test_json(self) -> None:
        """As JSON it can be read by programs."""
        self.command("add", "a", "--rights", "read,share", "--path", "/x")
        (found,) = json.loads(self.command("list", "--json").out)
        self.assertLess(abs(found.pop("created") - time.time()), 60)
        self.assertEqual(
            found, {"name": "a", "rights": ["read", "share"], "path": "/x/", "expires": None, "expired": False}
        )

    def test_expired(self) -> None:
        """A token that has expired is told with that."""
        self.tokens().add("old", Right.READ, (), time.time() - 1)
        self.assertTrue(self.command("list").out.rstrip().endswith("(over)"))
        self.assertTrue(json.loads(self.command("list", "--json").out)[0]["expired"])

    def test_none(self) -> None:
        """No tokens are no lines, and no database."""
        ended = self.command("list")
        self.assertEqual((ended.out, ended.notes), ("", "There are no tokens.\n"))
        self.assertEqual(json.loads(self.command("list", "--json").out), [])
        self.assertFalse([name for name in os.listdir(f"{self.storage}/.peerstor") if name.startswith("access")])


class RevokeTests(CommandCase):
    def test_revoke(self) -> None:
        """A revoked token is gone, it is waited until that holds everywhere, and what the last one's end means is said."""
        waited: list[float] = []
        self.patch(time, "sleep", waited.append)
        self.patch(token, "IN_FORCE_AFTER", 7)
        self.command("add", "a")
        self.command("add", "b")
        self.assertEqual(self.command("revoke", "A"), Ended("revoked A\n", "", None))
        self.assertIn("No token is left", self.command("revoke", "b").notes)
        self.assertEqual(waited, [7, 7])
        self.assertIn("There is no token 'b'", self.command("revoke", "b").line or "")


class PlaceTests(CommandCase):
    def test_no_storage(self) -> None:
        """A storage that isn't there, or is no folder, is said so, and not made."""
        wrong = f"{self.folder}/wrong"
        self.assertIn(f"There is no storage at {wrong}", self.command("add", "a", storage=wrong).line or "")
        self.assertFalse(os.path.exists(wrong))
        with open(wrong, "w"):
            pass
        self.assertIn("it is no folder", self.command("add", "a", storage=wrong).line or "")

    def test_state(self) -> None:
        """With --state everything lies there, named after the storage, closed to others."""
        state = f"{self.folder}/state"
        secret = self.command("add", "a", "--state", state).out.strip()
        self.assertIsNotNone(self.tokens(state).find(secret.encode()))
        self.assertEqual(stat.S_IMODE(os.stat(state).st_mode), 0o700)
        names = os.listdir(state)
        self.assertEqual(len(names), 2)
        for name in names:
            self.assertTrue(re.fullmatch(r"access-[0-9a-f]{16}\.(sqlite|key)", name), name)
            self.assertEqual(stat.S_IMODE(os.stat(f"{state}/{name}").st_mode), 0o600)
        self.assertEqual(len(self.tokens()), 0)

    def test_server_with_another_state(self) -> None:
        """A running server's other state folder is asked for: a token beside it would never count."""
        self.patch(place_module, "STARTING", 0)
        fd = os.open(self.storage, os.O_RDONLY)
        self.addCleanup(os.close, fd)
        private = PrivateFolder.open(fd)
        self.addCleanup(private.close)
        private.acquire_lock()
        line = self.command("add", "a").line or ""
        self.assertIn(f"Process {os.getpid()} serves this storage and keeps its state in another folder", line)
        with open(f"{self.storage}/.peerstor/uploads-{private.instance_id[:16]}.sqlite", "w"):
            pass
        self.assertIsNone(self.command("add", "a").line)

    def test_newer_database(self) -> None:
        """What a newer PeerStor wrote is refused in one line."""
        self.command("add", "a")
        with self.tokens()._database.transaction() as base:
            base.execute("PRAGMA user_version = 99")
        for arguments in (("list",), ("add", "b"), ("revoke", "a")):
            self.assertIn("newer PeerStor", self.command(*arguments).line or "")

    def test_no_database(self) -> None:
        """What is no database is said to be none."""
        self.command("add", "a")
        (name,) = [name for name in os.listdir(f"{self.storage}/.peerstor") if name.endswith(".sqlite")]
        with open(f"{self.storage}/.peerstor/{name}", "wb") as file:
            file.write(b"no database" * 500)
        self.assertIn("file is not a database", self.command("list").line or "")


class HelpTests(SynchronousTestCase):
    def test_help(self) -> None:
        """Each command tells how it is called and what it takes, within a terminal's width."""
        for arguments, words in (
            ((), ("token add|list|revoke", "add", "list", "revoke")),
            (("add",), ("token add NAME", "--rights=", "--path=", "--expires=", "--storage=", "--state=")),
            (("list",), ("token list", "--json", "--state=")),
            (("revoke",), ("token revoke NAME", "--storage=")),
        ):
            out = io.StringIO()
            with redirect_stdout(out), self.assertRaises(SystemExit) as caught:
                token.run([*arguments, "--help"])
            self.assertEqual(caught.exception.code, 0)
            for word in words:
                self.assertIn(word, out.getvalue())
            self.assertLessEqual(max(map(len, out.getvalue().splitlines())), 80)


class SourcesTests(CommandCase):
    def test_file_and_environment(self) -> None:
        """The storage and the state may be named by the server's file, or by its variables."""
        other, state = f"{self.folder}/other", f"{self.folder}/state"
        os.mkdir(other)
        with open(f"{self.folder}/c.toml", "w") as file:
            file.write('storage = "other"\nstate = "state"\nport = 1\n')
        for arguments, environ in (
            (["--config", f"{self.folder}/c.toml"], {}),
            ([], {"PEERSTOR_CONFIG": f"{self.folder}/c.toml"}),
            ([], {"PEERSTOR_STORAGE": other, "PEERSTOR_STATE": state}),
        ):
            with self.subTest(arguments=arguments, environ=environ):
                self.patch(token._Command, "environ", environ)
                name = f"n{len(environ)}"
                with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                    token.run(["add", name, *arguments])
                    token.run(["revoke", name, *arguments])
                self.assertEqual([file[:6] for file in sorted(os.listdir(state)) if "-" in file][:1], ["access"])
        self.assertEqual(os.listdir(self.storage), [])

    def test_wrong(self) -> None:
        """A file that the server would refuse is refused here too."""
        with open(f"{self.folder}/c.toml", "w") as file:
            file.write("port = -1\n")
        line = self.command("list", "--config", f"{self.folder}/c.toml").line
        self.assertIn("port in ", str(line))
