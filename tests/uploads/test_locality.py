"""Which file systems are on this machine."""

import os
import tempfile

from twisted.trial.unittest import SynchronousTestCase

from peerstor.uploads.locality import Locality


class LocalityTests(SynchronousTestCase):
    def told(self, kind: str, *, device: str | None = None) -> bool:
        """What is said of a file on a device that is mounted as a file system of some kind."""
        with tempfile.TemporaryFile() as file, tempfile.NamedTemporaryFile("w") as mounts:
            number = os.fstat(file.fileno()).st_dev
            device = device or f"{os.major(number)}:{os.minor(number)}"
            mounts.write("1 0 0:1 / /proc rw - proc proc rw\n")
            mounts.write(f"2 0 {device} / /data rw,relatime shared:1 - {kind} /dev/vda rw\n")
            mounts.flush()
            return Locality(mounts=mounts.name).of(file.fileno())

    def test_disks(self) -> None:
        """Disks and memory are."""
        for kind in ("ext4", "xfs", "btrfs", "tmpfs", "overlay"):
            self.assertTrue(self.told(kind), kind)

    def test_networks_and_programs(self) -> None:
        """Networks aren't, nor what a program makes up."""
        for kind in ("nfs", "nfs4", "cifs", "9p", "virtiofs", "fuse", "fuse.sshfs", "fuseblk"):
            self.assertFalse(self.told(kind), kind)

    def test_unknown(self) -> None:
        """What isn't listed (a subvolume), or can't be looked up, is taken for a disk: slow writes are noticed."""
        self.assertTrue(self.told("nfs", device="9999:9999"))
        with tempfile.TemporaryFile() as file:
            self.assertTrue(Locality(mounts="/nowhere").of(file.fileno()))
