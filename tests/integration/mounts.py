"""File systems of a test's own. They need root; a test that can't have one fails, since a skipped one shows nothing."""

import contextlib
import os
import subprocess

from twisted.trial.unittest import SynchronousTestCase

from tests.scratch import scratch_folder


def mount(case: SynchronousTestCase, *arguments: str) -> None:
    """Run `mount`; its last argument, the mount point, is given back after the test."""
    subprocess.run(["mount", *arguments], check=True, capture_output=True, text=True)
    case.addCleanup(subprocess.run, ["umount", "-l", arguments[-1]], capture_output=True)


def small_disk(case: SynchronousTestCase, size: int) -> str:
    """Make a disk of `size` bytes, in memory, and give the folder that it is mounted on."""
    folder = os.path.join(scratch_folder(case), "disk")
    os.mkdir(folder)
    mount(case, "-t", "tmpfs", "-o", f"size={size}", "peerstor-test", folder)
    return folder


class Ballast:
    """A file that takes all room of a disk but a little."""

    def __init__(self, disk: str) -> None:
        self._disk, self._path = disk, os.path.join(disk, "ballast")

    def free(self) -> int:
        """Tell how many bytes are free."""
        found = os.statvfs(self._disk)
        return found.f_bavail * found.f_frsize

    def leave(self, size: int) -> None:
        """Leave about `size` bytes free, to the page."""
        for _ in range(10):
            with contextlib.suppress(OSError):  # the server wrote a line of a log at that very moment
                return self._take(size)
        self._take(size)

    def _take(self, size: int) -> None:
        with open(self._path, "ab") as file:
            held = os.path.getsize(self._path)
            wanted = held + self.free() - size
            if wanted > held:
                os.posix_fallocate(file.fileno(), 0, wanted)
            else:
                file.truncate(max(0, wanted))

    def drop(self) -> None:
        """Free everything."""
        os.unlink(self._path)
