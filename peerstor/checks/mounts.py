"""Which file systems the folders lie on, as the kernel tells (proc_pid_mountinfo(5))."""

import os
import re

from attrs import frozen

from peerstor.checks.findings import Finding, ok, shown, warning

NETWORK = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "davfs", "vboxsf", "virtiofs"),
        *("fuse.glusterfs", "fuse.sshfs", "fuse.rclone", "fuse.s3fs", "fuse.davfs"),
    }
)
"""File systems that lie on another machine."""

SHOWN_AT_MOST = 10

_OCTAL = re.compile(rb"\\([0-7]{3})")


@frozen
class Mount:
    """A file system that is mounted.

    :param kind: as `ext4`.
    """

    path: bytes
    kind: str
    read_only: bool


def mounts(table: str = "/proc/self/mountinfo") -> list[Mount]:
    """List what is mounted, in its order; nothing where the system doesn't tell."""
    try:
        with open(table, "rb") as file:
            return [mount for line in file if (mount := _mount(line)) is not None]
    except OSError:
        return []


def check_kind(folder: bytes, what: str, table: list[Mount]) -> Finding:
    """Look whether a folder with databases lies on another machine's disk.

    :param what: how people call it: `state`.
    """
    kind = _kind_of(folder, table)
    if kind in NETWORK:
        return warning(
            "file system",
            f"The {what} {shown(folder)} lies on a network file system ({kind}).",
            "Databases are slow there, and lose what is written when the network breaks. Name a folder on a local"
            " disk with --state DIR; the files themselves may stay.",
        )
    return ok("file system", f"The {what} {shown(folder)} lies on {kind or 'a file system of unknown kind'}.")


def check_nested(storage: bytes, table: list[Mount]) -> list[Finding]:
    """Look what else is mounted below the storage."""
    top = os.path.realpath(storage)
    below = {mount.path: mount for mount in table if mount.path.startswith(top.rstrip(b"/") + b"/")}
    if not below:
        return [ok("mounts", "Nothing else is mounted below the storage.")]
    findings = [_nested(mount) for mount in list(below.values())[:SHOWN_AT_MOST]]
    if len(below) > SHOWN_AT_MOST:
        findings.append(ok("mounts", f"{len(below) - SHOWN_AT_MOST} more are mounted below the storage."))
    return findings


def _nested(mount: Mount) -> Finding:
    if mount.read_only:
        return warning(
            "mounts",
            f"{shown(mount.path)} is a file system of its own ({mount.kind}), mounted read-only.",
            "Files there can be downloaded, and none added. Mount it read-write if they shall.",
        )
    return ok(
        "mounts",
        f"{shown(mount.path)} is a file system of its own ({mount.kind}): unfinished uploads to it lie hidden"
        " beside their targets.",
    )


def _kind_of(folder: bytes, table: list[Mount]) -> str | None:
    real, kind, longest = os.path.realpath(folder), None, -1
    for mount in table:  # of two at one place the later lies above
        inside = real == mount.path or real.startswith(mount.path.rstrip(b"/") + b"/")
        if inside and len(mount.path) >= longest:
            kind, longest = mount.kind, len(mount.path)
    return kind


def _mount(line: bytes) -> Mount | None:
    fields, _, rest = line.partition(b" - ")
    columns, kinds = fields.split(), rest.split()
    if len(columns) < 6 or not kinds:
        return None
    path = _OCTAL.sub(lambda found: bytes([int(found[1], 8)]), columns[4])
    # The options of the mount, and behind the dash those of the disk itself.
    options = columns[5].split(b",") + (kinds[2].split(b",") if len(kinds) > 2 else [])
    return Mount(path, kinds[0].decode("ascii", "replace"), b"ro" in options)
