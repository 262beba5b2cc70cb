"""Rules of listings that come from memory, in a real server: they are never behind what lies on the disk."""

import calendar
import contextlib
import json
import os
import random
import re
import threading
import time
from collections.abc import Callable
from html import unescape
from urllib.parse import quote, unquote

import pytest

from peerstor.web.display import human_size
from tests.integration.server import ServerCase
from tests.integration.wire import Api
from tests.lanes import FAST_LANES

ROUNDS = 500
FORMS = ("text/html", "application/json", "text/plain")

Listed = dict[str, tuple[object, int]]
"""Size (as far as the form tells it) and time in whole seconds, by name."""


@pytest.mark.slow
class ChangedBehindTests(ServerCase):
    """A folder that somebody changes behind the server's back, at any moment."""

    def setUp(self) -> None:
        super().setUp()
        self.server = self.serve("--anonymous", "full")
        self.client: Api = self.api(self.server)
        self.chance = random.Random(int(os.environ.get("PEERSTOR_SEED", "5")))
        self.storage = self.server.storage
        self.count = 0
        for folder in ("top/folder/sub", "elsewhere", "spare/folder/sub"):
            os.makedirs(f"{self.storage}/{folder}")
        self.folder = f"{self.storage}/top/folder"
        for number in range(20):
            self.write(f"{self.storage}/elsewhere/linked {number}")
        self.furnish()

    def furnish(self) -> None:
        """Put into the folder what it lacks: files, and further names of others."""
        for number in range(20):
            if not os.path.exists(f"{self.folder}/plain {number}"):
                self.write(f"{self.folder}/plain {number}")
            if not os.path.exists(f"{self.folder}/linked {number}"):
                os.link(f"{self.storage}/elsewhere/linked {number}", f"{self.folder}/linked {number}")

    def write(self, path: str, mode: str = "wb") -> None:
        with open(path, mode) as file:
            file.write(b"x" * self.chance.randint(1, 300))

    def any(self, beginning: str) -> str:
        """Choose a file of the folder."""
        return self.chance.choice(sorted(name for name in os.listdir(self.folder) if name.startswith(beginning)))

    def new(self) -> str:
        self.count += 1
        return f"plain new {self.count}"

    def changes(self) -> list[Callable[[], None]]:
        """Everything that somebody may do, each time to something else."""
        folder, elsewhere = self.folder, f"{self.storage}/elsewhere"

        def age(path: str) -> None:
            moment = self.chance.randint(1_000_000_000, 1_700_000_000)
            os.utime(path, (moment, moment))

        def link() -> None:
            os.symlink(self.any("plain"), f"{folder}/link")
            self.look(3)
            os.unlink(f"{folder}/link")
            os.symlink(f"../../elsewhere/{self.any('linked')}", f"{folder}/link")

        def target() -> None:
            os.symlink("../../elsewhere/target", f"{folder}/link")
            self.look(3)
            self.write(f"{elsewhere}/target", "ab")

        def ancestor() -> None:
            for old, new in (("top", "former"), ("spare", "top"), ("former", "spare")):
                os.rename(f"{self.storage}/{old}", f"{self.storage}/{new}")
            self.furnish()

        def replaced_folder() -> None:
            os.makedirs(f"{folder}/new sub")
            self.write(f"{folder}/new sub/{self.new()}")
            os.rename(f"{folder}/sub", f"{elsewhere}/sub {self.count}")
            os.rename(f"{folder}/new sub", f"{folder}/sub")
            age(f"{folder}/sub")

        def below() -> None:
            age(f"{folder}/sub")
            self.look(2)
            self.write(f"{folder}/sub/{self.new()}")

        def later_name() -> None:
            name = self.any("plain")
            os.link(f"{folder}/{name}", f"{elsewhere}/{self.new()}")
            self.look(1)
            self.write(f"{elsewhere}/plain new {self.count}", "ab")

        return [
            lambda: self.write(f"{folder}/{self.new()}"),
            lambda: os.unlink(f"{folder}/{self.any('plain')}"),
            lambda: os.rename(f"{folder}/{self.any('plain')}", f"{folder}/{self.new()}"),
            lambda: os.rename(f"{folder}/{self.any('plain')}", f"{folder}/{self.any('plain')}"),
            lambda: self.write(f"{folder}/{self.any('plain')}", "ab"),
            lambda: os.truncate(f"{folder}/{self.any('plain')}", self.chance.randint(0, 500)),
            lambda: age(f"{folder}/{self.any('plain')}"),
            lambda: age(f"{elsewhere}/{os.path.basename(self.any('linked'))}"),
            lambda: self.write(f"{elsewhere}/{self.any('linked')}", "ab"),
            below,
            lambda: os.mkdir(f"{folder}/sub/{self.new()}"),
            later_name,
            replaced_folder,
            link,
            target,
            ancestor,
            self.upload,
            self.delete,
        ]

    def upload(self) -> None:
        self.assertEqual(self.client.put(f"/top/folder/{quote(self.new())}", b"by us").status, 201)

    def delete(self) -> None:
        name = quote(self.any("plain"))
        self.assertEqual(self.client.call("DELETE", f"/top/folder/{name}").status, 204)

    def look(self, times: int) -> None:
        """Ask for the listing, so that it is kept."""
        for _ in range(times):
            self.client.call("GET", "/top/folder/", headers={"Accept": self.form})

    def test_every_change_shows(self) -> None:
        """Whatever is done to a folder, whenever: the very next listing shows it, in each form."""
        self.change_all()

    def test_in_a_crowd(self) -> None:
        """So it does while others ask for the same all the time."""
        ended = threading.Event()

        def ask(api: Api, form: str) -> None:
            while not ended.is_set():
                api.call("GET", "/top/folder/", headers={"Accept": form})

        crowd = [threading.Thread(target=ask, args=(self.api(self.server), form)) for form in FORMS * 2]
        for one in crowd:
            one.start()
        try:
            self.change_all()
        finally:
            ended.set()
            for one in crowd:
                one.join()

    def change_all(self) -> None:
        """Make changes of all kinds, and look after each."""
        changes, watched = self.changes(), 0
        for number in range(ROUNDS):
            self.form = FORMS[number % 3]
            self.furnish()
            self.look(self.chance.randint(0, 5))
            time.sleep(self.chance.choice((0, 0, 0.001, 0.01)))
            watched += self.watches() > 0
            self.chance.choice(changes)()
            told, expected = self.told(), self.on_disk()
            self.assertEqual(told, expected, f"round {number}")
            if os.path.islink(f"{self.folder}/link"):
                os.unlink(f"{self.folder}/link")
                self.assertEqual(self.told(), self.on_disk(), f"round {number}, without its link")
        self.measured(
            f"{ROUNDS} changes, {watched} of them in a folder that was watched, each in the next listing"
        )
        if FAST_LANES:  # else there is nothing to be behind
            self.assertGreater(watched, ROUNDS // 2)

    def watches(self) -> int:
        """Count the watches of the server (proc_pid_fdinfo(5))."""
        folder, count = f"/proc/{self.server.pid}/fdinfo", 0
        for fd in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError), open(f"{folder}/{fd}") as told:
                count += told.read().count("inotify wd:")
        return count

    def on_disk(self) -> Listed:
        """Give what the listing has to tell."""
        listed: Listed = {}
        for entry in os.scandir(self.folder):
            found = entry.stat()
            size = None if entry.is_dir() else found.st_size
            if self.form == "text/plain":
                listed[entry.name] = (entry.is_dir(), 0)
            else:
                shown = size if self.form == "application/json" else human_size(size)
                listed[entry.name] = (shown, int(found.st_mtime))
        return listed

    def told(self) -> Listed:
        answer = self.client.call("GET", "/top/folder/", headers={"Accept": self.form})
        self.assertEqual(answer.status, 200)
        if self.form == "application/json":
            return {
                entry["name"]: (entry["size"], int(entry["mtime"])) for entry in json.loads(answer.body)["entries"]
            }
        page = answer.body.decode()
        if self.form == "text/plain":
            names = [unquote(line.removeprefix("/top/folder/")) for line in page.splitlines()]
            return {name.rstrip("/"): (name.endswith("/"), 0) for name in names}
        return dict(_row(row) for row in page.split("<tr>")[2:])


def _row(row: str) -> tuple[str, tuple[str, int]]:
    """Take a row of the page apart."""
    found = re.search(r"<bdi>(.*?)</bdi>.*<td class=size[^>]*>(.*?)<.*datetime=(\S+?)Z>", row)
    assert found, row
    moment = calendar.timegm(time.strptime(found[3], "%Y-%m-%dT%H:%M:%S"))
    return unescape(found[1]), (found[2], moment)
