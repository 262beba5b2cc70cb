"""Finds out which process listens on a port, as far as this user may look (Linux's /proc)."""

import os
from collections.abc import Iterator

# State "listen" in /proc/net/tcp: TCP_LISTEN of include/net/tcp_states.h.
_LISTEN = "0A"


def holder_of(port: int, *, proc: str = "/proc") -> str | None:
    """Name the process that listens on TCP `port`.

    :param proc: where the proc file system is mounted.
    :return: as `nginx (process 812)`; None when nobody listens there or nothing can be seen of who does, as
        with another user's process.
    """
    wanted = {f"socket:[{inode}]" for inode, where in _listening(proc) if where == port}
    if not wanted:
        return None
    for pid in sorted(filter(str.isdigit, _names(proc)), key=int):
        if any(link in wanted for link in _links(f"{proc}/{pid}/fd")):
            return f"{_program(proc, pid)} (process {pid})"
    return None


def ports_of(pid: int, *, proc: str = "/proc") -> list[int]:
    """List the TCP ports that a process listens on; none where nothing can be seen of it.

    :param proc: where the proc file system is mounted.
    """
    held = set(_links(f"{proc}/{pid}/fd"))
    return sorted({port for inode, port in _listening(proc) if f"socket:[{inode}]" in held})


def _listening(proc: str) -> Iterator[tuple[str, int]]:
    """Inodes and ports of the sockets that listen; the columns are those of proc_pid_net(5)."""
    for table in ("tcp", "tcp6"):
        try:
            with open(f"{proc}/net/{table}", encoding="utf-8", errors="replace") as lines:
                rows = [line.split() for line in lines][1:]
        except OSError:
            continue
        for row in rows:
            if len(row) > 9 and row[3] == _LISTEN:
                yield row[9], int(row[1].rpartition(":")[2], 16)


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _links(folder: str) -> Iterator[str]:
    for name in _names(folder):
        try:
            yield os.readlink(f"{folder}/{name}")
        except OSError:
            continue


def _program(proc: str, pid: str) -> str:
    try:
        with open(f"{proc}/{pid}/comm", encoding="utf-8", errors="replace") as comm:
            name = comm.read().strip()
    except OSError:
        name = ""
    # The name is whatever that process gave itself, and goes to a terminal.
    return "".join(letter if letter.isprintable() else "?" for letter in name) or "a program"
