"""Errors that nobody raised: what is only logged is a fault all the same."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from twisted.logger import LogLevel, globalLogPublisher

_seen: list[str] = []


def _observe(event: dict[str, Any]) -> None:
    if event.get("log_level") is LogLevel.critical or "log_failure" in event:
        failure = event.get("log_failure")
        _seen.append(failure.getTraceback() if failure is not None else repr(event.get("log_format")))


globalLogPublisher.addObserver(_observe)


@contextmanager
def no_failure_logged(*, collect: bool = False) -> Iterator[None]:
    """Raise AssertionError when something was logged as failed within.

    :param collect: look for Deferreds in cycles too, which takes milliseconds.
    """
    _seen.clear()
    yield
    if collect:
        gc.collect()
    assert not _seen, "\n".join(_seen)
