"""The versions of what PeerStor stands on, and the troubles that some of them are known for."""

import re
import sys
import time
from collections.abc import Sequence

from peerstor.checks.findings import Finding, ok, warning, wrong

ENDS = {(3, 11): "2027-10", (3, 12): "2028-10", (3, 13): "2029-10", (3, 14): "2030-10"}
"""When security fixes of a Python end (https://devguide.python.org/versions/)."""

OLDEST_TWISTED, TRIED_TWISTED = (24, 11), (26, 10)
"""What PeerStor needs, and the newest that its tests have run with."""


def check_python(
    version: Sequence[int] = sys.version_info[:3], *, now: float | None = None, without_gil: bool | None = None
) -> Finding:
    """Look whether a Python is one that works.

    :param now: seconds since the epoch; the system's time by default.
    :param without_gil: whether it runs without its global lock; this very one's case by default.
    """
    said = ".".join(map(str, version[:3]))
    if without_gil is None:
        without_gil = not getattr(sys, "_is_gil_enabled", lambda: True)()
    if tuple(version[:2]) < (3, 11):
        return wrong("python", f"Python {said} is too old.", "Install 3.11 or newer, and a new venv with it.")
    if without_gil:
        return warning(
            "python",
            f"Python {said} runs without its global lock, in which way nobody has tried PeerStor or Twisted much.",
            "Use the ordinary kind of Python, or PYTHON_GIL=1.",
        )
    end = ENDS.get((version[0], version[1]))
    if end is not None and time.strftime("%Y-%m", time.gmtime(now)) > end:
        return warning(
            "python",
            f"Python {said} has had no security fixes since {end}.",
            "Install a newer one, and a new venv with it.",
        )
    return ok("python", f"Python {said}.")


def check_twisted(version: str) -> Finding:
    """Look whether a Twisted, as `26.10.0`, is one that works."""
    found = tuple(map(int, re.findall(r"[0-9]+", version)[:2]))
    if found < OLDEST_TWISTED:
        return wrong(
            "twisted",
            f"Twisted {version} is too old. Before 24.7 it also mixed answers up between pipelined requests"
            " (CVE-2024-41671).",
            "pip install --upgrade twisted",
        )
    if found > TRIED_TWISTED:
        return warning(
            "twisted",
            f"Twisted {version} is newer than what this PeerStor was tried with ({TRIED_TWISTED[0]}."
            f"{TRIED_TWISTED[1]}); its HTTP channel is one that PeerStor changes.",
            "Run the tests (tests/http/test_twisted_names.py first), or go back to that one.",
        )
    return ok("twisted", f"Twisted {version}.")
