"""Is the clock right, and does the storage's disk agree with it."""

import os
import time

from peerstor.checks.findings import Finding, ok, warning, wrong

WRITTEN = 1_767_225_600.0
"""The beginning of 2026: no clock that is right is before this program."""

LATEST = 4_102_444_800.0
"""The beginning of 2100."""

DRIFT = 2.0
"""Seconds by which two clocks may differ without a consequence; FAT keeps times to 2 s."""

_ADVICE = "Set it, and keep it: timedatectl set-ntp true. Certificates, expiry and caches depend on it."


def check_clock(now: float) -> Finding:
    """Look whether a time, seconds since the epoch, can be the present."""
    shown = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(now))
    if not WRITTEN <= now < LATEST:
        return wrong("clock", f"The clock says {shown}, which can't be.", _ADVICE)
    return ok("clock", f"The clock says {shown}.")


def check_disk_clock(folder: bytes, now: float | None = None) -> Finding:
    """Compare the clock with the one by which a file system dates its files; a file server has its own.

    :param folder: where a file may be made.
    :param now: seconds since the epoch; the system's time by default.
    """
    path = os.path.join(folder, b"dated")
    before = time.time() if now is None else now
    with open(path, "wb") as file:
        file.write(b"x")
    dated = os.stat(path).st_mtime
    after = time.time() if now is None else now
    off = max(before - dated, dated - after, 0.0)
    if off <= DRIFT:
        return ok("disk clock", "The storage's file system dates files by the same clock.")
    return warning(
        "disk clock",
        f"The storage's file system dates files {off:.0f} s {'early' if dated < before else 'late'}.",
        "Its server's clock and this one differ: set both by NTP. Uploads expire, and caches hold, by the wrong"
        " one.",
    )
