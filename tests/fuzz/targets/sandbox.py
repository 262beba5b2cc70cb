"""The resolver: a line with a request's path, then a line for each symbolic link, `where -> target`."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

from peerstor.errors import BadPath, Fault
from peerstor.tree.paths import TreePath
from peerstor.tree.private import PrivateFolder
from peerstor.tree.sandbox import Sandbox

WORDS = (
    b"/", b"..", b"/../", b" -> ", b"\nl -> ", b"\nd/l -> ", b"/d/e/l", b"/l", b"/d", b"file", b"d/e", b"../..", b"../out",
    b".peerstor", b".peerstor/ledger", b"/etc/passwd", b"/proc/self/root", b"/proc/self/fd", b"/dev/fd/0", b"ROOT",
    b"ROOT/../out/canary", b"../out/canary", b"./././", b"//", b"%2e%2e", b"d/fifo", b"l/l/l", b"OUT/back",
)  # fmt: skip

CANARY = b"nobody may read this"
LINKS_AT_MOST = 12


class Farm:
    """A storage with folders and files, something outside of it, and links that come and go."""

    def __init__(self) -> None:
        self.base = os.fsencode(os.path.realpath(tempfile.mkdtemp(prefix="peerstor-farm-")))
        atexit.register(shutil.rmtree, self.base, ignore_errors=True)
        self.root, self.outside = self.base + b"/storage", self.base + b"/out"
        os.makedirs(self.root + b"/d/e")
        os.mkdir(self.outside)
        for name in (b"file", b"d/file", b"d/e/file"):
            self.write(self.root + b"/" + name, b"content of " + name)
        os.mkfifo(self.root + b"/d/fifo")
        self.write(self.outside + b"/canary", CANARY)
        os.symlink(self.root, self.outside + b"/back")
        fd = os.open(self.root, os.O_RDONLY)
        self.private = PrivateFolder.open(fd, storage=self.root)
        os.close(fd)
        self.write(self.root + b"/.peerstor/canary", CANARY)
        self.sandbox = Sandbox(self.root, private=self.private)
        self.links: list[bytes] = []

    @staticmethod
    def write(path: bytes, content: bytes) -> None:
        with open(path, "wb") as file:
            file.write(content)

    def lay(self, lines: list[bytes]) -> None:
        """Exchange the links of the last time for these."""
        for link in reversed(self.links):
            os.unlink(link)
        self.links = []
        for line in lines[:LINKS_AT_MOST]:
            name, arrow, target = line.partition(b" -> ")
            folder, _, last = name.rpartition(b"/")
            # Only our own real folders get links: the farm must not be written to through one of them.
            if (
                not arrow
                or folder not in (b"", b"d", b"d/e")
                or not target
                or b"\0" in line
                or last in (b".", b"..")
            ):
                continue
            place = os.path.join(self.root, folder, last)
            if not last or len(last) > 255 or len(target) > 2000 or os.path.lexists(place):
                continue
            os.symlink(target.replace(b"ROOT", self.root).replace(b"OUT", self.outside), place)
            self.links.append(place)

    def inside(self, real: bytes) -> bool:
        """Tell whether a path without links is one that clients may see."""
        names = os.path.relpath(real, self.root).split(b"/")
        return names[0] != b".." and not any(name.lower().startswith(b".peerstor") for name in names)


_farm: list[Farm] = []


def check(data: bytes) -> None:
    """Whatever opens lies really inside, and is what the kernel finds; nothing inside that is plain is missed."""
    if not _farm:
        _farm.append(Farm())
    farm = _farm[0]
    raw, *lines = data.split(b"\n")
    farm.lay(lines)
    try:
        path = TreePath.from_url(raw)
    except BadPath:
        return
    before = len(os.listdir("/proc/self/fd"))
    _check_open(farm, path)
    _check_lookup(farm, path)
    assert len(os.listdir("/proc/self/fd")) == before, "a descriptor was left open"


def _check_open(farm: Farm, path: TreePath) -> None:
    try:
        opened = farm.sandbox.open(path)
    except Fault:
        assert not _is_plain(farm, path), path
        return
    with opened:
        real = os.readlink(b"/proc/self/fd/%d" % opened.fd)
        assert farm.inside(real), (path, real)
        assert os.path.join(farm.root, *opened.real) == real, (path, opened.real, real)
        assert os.path.realpath(os.path.join(farm.root, *path.parts)) == real, (path, real)
        assert opened.is_folder or CANARY not in os.pread(opened.fd, 100, 0), path


def _check_lookup(farm: Farm, path: TreePath) -> None:
    """What a listing shows of a name is what opens under it."""
    try:
        parent = farm.sandbox.parent_of(path)
    except Fault:
        return
    with parent:
        assert farm.inside(os.readlink(b"/proc/self/fd/%d" % parent.fd)), path
        found = farm.sandbox.lookup(parent, path.name)
        try:
            with farm.sandbox.open(TreePath(path.parts, slash=False)) as opened:
                inode: int | None = opened.stat.st_ino
        except Fault:
            inode = None
        # A long way of links may be shorter from the folder on; what opens by the whole way is always shown.
        assert inode is None or (found is not None and found.st_ino == inode), (path, found, inode)
        assert found is None or farm.inside(os.path.realpath(os.path.join(farm.root, *path.parts))), path


def _is_plain(farm: Farm, path: TreePath) -> bool:
    """Tell whether a path names, without any link, a file or folder that clients may see."""
    whole = os.path.join(farm.root, *path.parts)
    if os.path.realpath(whole) != whole or not farm.inside(whole):
        return False
    return os.path.isdir(whole) or (os.path.isfile(whole) and not path.slash)
