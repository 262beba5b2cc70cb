"""A cache in a temporary folder, as the tests of this room start from."""

import os
import time

from twisted.trial.unittest import SynchronousTestCase

from peerstor.cache.draft import Draft
from peerstor.cache.entry import START
from peerstor.cache.origin import Origin
from peerstor.cache.store import Cache
from tests.fakes import roomy
from tests.scratch import scratch_folder

RECIPE = b"a recipe"


class CacheCase(SynchronousTestCase):
    """Gives each test a cache of its own, of one mebibyte, and files to make results of."""

    asked: int | None = 1 << 20

    def setUp(self) -> None:
        self.folder = scratch_folder(self)
        os.mkdir(f"{self.folder}/cache")
        self.dir_fd = os.open(f"{self.folder}/cache", os.O_RDONLY)
        self.addCleanup(os.close, self.dir_fd)
        self.ahead = 60.0
        self.disk = roomy
        self.cache = self.start()

    def start(self) -> Cache:
        """Begin as a process does."""
        cache = Cache(
            dir_fd=self.dir_fd,
            asked=self.asked,
            wall=lambda: time.time() + self.ahead,
            disk=lambda fd: self.disk(fd),
        )
        cache.look()
        return cache

    def file(self, name: str, content: bytes = b"content") -> int:
        """Make a file and open it; it is closed after the test."""
        with open(f"{self.folder}/{name}", "wb") as file:
            file.write(content)
        fd = os.open(f"{self.folder}/{name}", os.O_RDONLY)
        self.addCleanup(os.close, fd)
        return fd

    def origin(self, fd: int) -> Origin:
        """Tell what a result of a file, as it is now, is made of."""
        return Origin.of(os.fstat(fd), RECIPE)

    def begin(self, fd: int) -> Draft:
        """Begin to write a result."""
        draft = self.cache.begin(self.origin(fd))
        assert draft is not None
        return draft

    def keep(self, fd: int, result: bytes) -> Origin:
        """Keep a result of a file."""
        origin, draft = self.origin(fd), self.begin(fd)
        draft.write(result)
        draft.keep(fd)
        return origin

    def found(self, origin: Origin) -> bytes | None:
        """Give what the cache has of something."""
        kept = self.cache.open(origin)
        if kept is None:
            return None
        try:
            return os.pread(kept.fd, kept.length, START)
        finally:
            kept.close()

    @property
    def names(self) -> list[str]:
        """What lies in the folder."""
        return sorted(os.listdir(f"{self.folder}/cache"))

    def path(self, origin: Origin) -> str:
        """Give the path of an entry."""
        return f"{self.folder}/cache/{origin.key.hex()}"
