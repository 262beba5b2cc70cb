"""Whether a file system is on this machine: on any other, a write may wait for a network."""

import os

REMOTE = frozenset(
    (
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "gfs2",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "orangefs",
        "pvfs2",
        "smb3",
        "smbfs",
        "vboxsf",
        "virtiofs",
    )
)
"""Kinds of file systems, as Linux names them, whose writes somebody else answers."""


class Locality:
    """Tells of open files where they lie. Its answers are kept by device: they have to be given for each file."""

    def __init__(self, *, mounts: str = "/proc/self/mountinfo") -> None:
        """Make one that knows nothing yet.

        :param mounts: the file that lists what is mounted; see proc(5).
        """
        self._mounts = mounts
        self._known: dict[int, bool] = {}

    def of(self, fd: int) -> bool:
        """Tell whether an open file lies on this machine, as far as that is known. Blocks. Raises OSError."""
        device = os.fstat(fd).st_dev
        if device not in self._known:
            self._known[device] = self._look(device)
        return self._known[device]

    def _look(self, device: int) -> bool:
        wanted = f"{os.major(device)}:{os.minor(device)}"
        try:
            with open(self._mounts, errors="surrogateescape") as rows:
                for row in rows:
                    before, _, behind = row.partition(" - ")
                    if before.split()[2] == wanted:
                        return _is_local(behind.split()[0])
        except (OSError, IndexError):  # no Linux, or one that tells otherwise
            return True
        return True


def _is_local(kind: str) -> bool:
    # What runs outside of the kernel (sshfs, rclone) is as slow as it likes.
    return kind not in REMOTE and kind.partition(".")[0] not in ("fuse", "fuseblk")
