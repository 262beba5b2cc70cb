"""The container file, as far as it can be tried without a container: what it names is there, what it runs runs."""

import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from peerstor.config.names import NAMED
from tests.integration.daemon import BIN, PATIENCE, Foreground, until
from tests.integration.server import free_port
from tests.scratch import scratch_folder

TOP = Path(__file__).parent.parent.parent
FILE = TOP / "conf/Containerfile"


def instructions() -> list[tuple[str, str]]:
    """Take the file apart."""
    text = re.sub(r"(?m)^#.*\n", "", FILE.read_text(encoding="utf-8")).replace("\\\n", " ")
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in text.split("\n")) if word]


class ContainerTests(SynchronousTestCase):
    def setUp(self) -> None:
        stages = [index for index, (word, _) in enumerate(instructions()) if word == "FROM"]
        self.build, self.final = instructions()[: stages[1]], instructions()[stages[1] :]

    def last(self, word: str) -> str:
        """Give what stands behind an instruction, of which the last one holds."""
        return [rest for found, rest in self.final if found == word][-1]

    def settings(self) -> dict[str, str]:
        """Give the variables that it sets."""
        return dict(re.findall(r"(\w+)=(\S+)", self.last("ENV")))

    def test_files(self) -> None:
        """Whatever it copies is there, and all that the package is built of is copied."""
        copied = [
            name for word, rest in self.build if word == "COPY" for name in rest.split()[:-1] if name[0] != "-"
        ]
        for name in copied:
            self.assertTrue((TOP / name).exists(), name)
        project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))
        wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
        needed = [project["project"]["readme"], *project["project"]["license-files"], *wheel["packages"]]
        for name in (*needed, *wheel["shared-data"], "pyproject.toml"):
            self.assertIn(name.partition("/")[0], copied)

    def test_unprivileged(self) -> None:
        """It runs as a user by number, who is nobody else, and owns its two folders, which are volumes."""
        user = self.last("USER")
        self.assertRegex(user, r"^[1-9][0-9]{3,}:[1-9][0-9]{3,}$")
        words = [word for word, _ in self.final]
        self.assertNotIn("RUN", words[words.index("USER") :])
        volumes = json.loads(self.last("VOLUME"))
        (made,) = (json.loads(rest) for word, rest in self.final if word == "RUN")
        self.assertEqual(made[-2:], volumes)
        self.assertEqual(f"{made[3]}:{made[5]}", user)
        settings = self.settings()
        self.assertEqual([settings["PEERSTOR_STORAGE"], settings["PEERSTOR_STATE"]], volumes)

    def test_options(self) -> None:
        """Variables, here and in what it tells to do, are PeerStor's, and so are options."""
        text = FILE.read_text(encoding="utf-8")
        known = {named.variable for named in NAMED} | {"PEERSTOR_CONFIG"}
        self.assertEqual(set(re.findall(r"PEERSTOR_\w+", text)) - known, set())
        behind = json.loads(self.last("ENTRYPOINT"))
        options = {named.option.name for named in NAMED}
        self.assertLessEqual({one.removeprefix("--") for one in behind[behind.index("peerstor") + 1 :]}, options)
        self.assertEqual(self.last("EXPOSE"), next(n.option.default for n in NAMED if n.option.name == "port"))

    def test_run(self) -> None:
        """What it runs serves, files are for others to read, and the health check tells when it doesn't any more."""
        folder, port = scratch_folder(self), free_port()
        variables = {**self.settings(), "PATH": f"{BIN}:{os.environ['PATH']}", "PEERSTOR_PORT": str(port)}
        variables |= {name: folder + variables[name] for name in ("PEERSTOR_STORAGE", "PEERSTOR_STATE")}
        variables |= {"PEERSTOR_BASE_PATH": "/files", "PEERSTOR_HOST": "127.0.0.1"}
        for name in ("PEERSTOR_STORAGE", "PEERSTOR_STATE"):
            os.makedirs(variables[name])
        program, *arguments = json.loads(self.last("ENTRYPOINT"))
        found = shutil.which(program, path=BIN)
        assert found is not None
        with Foreground([found, *arguments], cwd=folder, environ=variables) as server:
            until(lambda: self.health(port, variables) == 0, "a healthy server")
            done = subprocess.run(
                ["curl", "-sS", "-T", "-", f"http://127.0.0.1:{port}/files/f"],
                input=b"content", capture_output=True, timeout=PATIENCE,
            )  # fmt: skip
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            self.assertEqual(os.stat(f"{variables['PEERSTOR_STORAGE']}/f").st_mode & 0o777, 0o644)
            server.stop()
        self.assertNotEqual(self.health(port, variables), 0)
        self.assertEqual(self.last("STOPSIGNAL"), "SIGTERM")

    def health(self, port: int, variables: dict[str, str]) -> int:
        """Run the health check against a port; give its exit status."""
        shape, _, command = self.last("HEALTHCHECK").partition(" CMD ")
        self.assertIn("--timeout=5s", shape)
        words = [word.replace(":8080", f":{port}") for word in json.loads(command)]
        environment = {**os.environ, **variables}
        return subprocess.run(words, env=environment, capture_output=True, timeout=PATIENCE).returncode
