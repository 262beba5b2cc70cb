"""What schemathesis finds where a real server isn't as the description of its API says: nothing.

Its cases are made from the description that the server gives: right ones, which have to be taken, and wrong ones,
which have to be refused. They are the same each time. `schemathesis/` beside this file has its settings, and what
no schema can say. Whatever it brings the server to do, nothing but the storage can change.
"""

import os
import subprocess
import sys

import pytest

from tests.integration import landlock
from tests.integration.daemon import environment
from tests.integration.server import Server, ServerCase
from tests.scratch import scratch_folder

HERE = os.path.join(os.path.dirname(__file__), "schemathesis")
TOP = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
CONFINED = (
    "import sys; sys.path.append({top!r}); from tests.integration.landlock import confine; confine({folder!r})"
)
SECRET = "the owner's secret"
CANARY = "canary-beside-the-storage"
SECONDS = 280
"""After which it hangs; it takes a tenth of that."""


def below(folder: str) -> dict[str, bytes]:
    """Read all files below a folder, by their paths; folders are there with nothing in them."""
    found = {}
    for place, _, names in os.walk(folder):
        found[place] = b""
        for path in (os.path.join(place, name) for name in names):
            with open(path, "rb") as file:
                found[path] = file.read()
    return found


@pytest.mark.slow
class OpenApiTests(ServerCase):
    def setUp(self) -> None:
        self.outside = scratch_folder(self)
        for place in ("", "a", "a/b"):
            os.makedirs(os.path.join(self.outside, place, CANARY))
            with open(os.path.join(self.outside, place, f"{CANARY}.txt"), "w") as file:
                file.write(CANARY)

    def furnished(self, *options: str) -> Server:
        """Start a server that has something to give, and can change nothing else."""
        storage = os.path.join(self.outside, "a", "b", "data")
        os.makedirs(os.path.join(storage, "photos"))
        for name in ("report.pdf", "draft.txt", "old.txt", "photos/a.jpg"):  # what the description's examples name
            with open(os.path.join(storage, name), "w") as file:
                file.write("hello\n")
        return self.serve(*options, storage=storage, prelude=CONFINED.format(top=TOP, folder=storage))

    def hold(self, server: Server, *options: str, **told: str) -> None:
        """Have schemathesis try everything that the server says it takes.

        :param told: further variables for the hooks.
        """
        config = os.path.join(HERE, "schemathesis.toml")
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", config, "run", "--no-color"]
        # Of what comes in several forms the one that can be checked, and no stream of events, which never ends.
        command += ["--header", "Accept: application/json", *options]
        outside = {path: content for path, content in below(self.outside).items() if server.storage not in path}
        done = subprocess.run(
            [*command, f"{server.url}/api/openapi.json"],
            cwd=scratch_folder(self),
            env=environment(SCHEMATHESIS_HOOKS="hooks", PYTHONPATH=HERE, CANARY=CANARY, **told),
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("No issues found", done.stdout)
        after = {path: content for path, content in below(self.outside).items() if server.storage not in path}
        self.assertEqual(after, outside)

    def test_open(self) -> None:
        """A server that is open to everybody takes what it says it takes, refuses all else, and answers as it says."""
        # Nobody can make links there.
        self.hold(self.furnished("--anonymous", "full"), "--exclude-tag", "links")

    def test_tokens(self) -> None:
        """So does one where a token is needed. (HEAD differs from GET in nothing that tokens decide.)"""
        server = self.furnished("--token", SECRET)
        owner = {"Authorization": f"Bearer {SECRET}", "Content-Type": "application/json"}
        link = self.api(server).call("POST", "/api/shares", b'{"path": "/photos", "mode": "upload"}', owner).json
        given = ("--header", f"Authorization: Bearer {SECRET}", "--exclude-method", "HEAD")
        self.hold(server, *given, LINK=link["id"])

    def test_confined(self) -> None:
        """What such a server is confined to is all that it could change."""
        if landlock.version() < 3:
            self.skipTest("impossible here: the kernel has no Landlock, so that other tests look after the fact")
        inner, beside = os.path.join(self.outside, "a", "b"), os.path.join(self.outside, "a", f"{CANARY}.txt")
        tries = f"open({os.path.join(inner, 'new')!r}, 'w'); open({beside!r}); open({beside!r}, 'w')"
        done = subprocess.run(
            [sys.executable, "-c", f"{CONFINED.format(top=TOP, folder=inner)}; {tries}"],
            env=environment(),
            capture_output=True,
        )
        self.assertIn(b"PermissionError", done.stderr.splitlines()[-1])
        self.assertIn("new", os.listdir(inner))
        self.assertEqual(below(self.outside)[beside], CANARY.encode())
