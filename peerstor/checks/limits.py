"""How much of the machine a process may use."""

import resource

from peerstor.checks.findings import Finding, ok, warning, wrong

MANY_FILES, ENOUGH_FILES = 4096, 512
"""Descriptors that a busy server wants, and with which one still runs: a connection takes one, a transfer two."""

ENOUGH_WATCHES = 8192
"""Folders that can be watched: as many as a large collection of photographs has."""

_WATCHES = "/proc/sys/fs/inotify/max_user_watches"


def check_descriptors(hard: int | None = None) -> Finding:
    """Look how many files a process may have open.

    :param hard: the limit to which PeerStor raises its own; the present one by default.
    """
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1] if hard is None else hard
    if hard == resource.RLIM_INFINITY or hard >= MANY_FILES:
        return ok("descriptors", f"A process may have {'any number of' if hard < 0 else hard} files open.")
    text = f"A process may have {hard} files open: some {max(0, hard - 200)} connections at once."
    advice = "Raise it: LimitNOFILE=65536 in the systemd unit, or ulimit -Hn 65536 before the start."
    return (warning if hard >= ENOUGH_FILES else wrong)("descriptors", text, advice)


def check_watches(path: str = _WATCHES) -> Finding:
    """Look how many folders a user may watch for changes.

    :param path: where the kernel tells (inotify(7)).
    """
    try:
        with open(path, encoding="utf-8") as file:
            most = int(file.read())
    except (OSError, ValueError):
        return ok("watches", "This system doesn't tell how many folders can be watched.")
    if most >= ENOUGH_WATCHES:
        return ok("watches", f"A user may watch {most} folders for changes.")
    return warning(
        "watches",
        f"A user may watch {most} folders for changes, all programs together.",
        "Raise it: sysctl fs.inotify.max_user_watches=65536, and the same line in /etc/sysctl.d/.",
    )
