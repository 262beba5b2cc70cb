"""Real PeerStor processes for tests."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

from tests.lanes import FAST_LANES

BIN = os.path.dirname(sys.executable)
TWISTD = os.path.join(BIN, "twistd")

# Seconds. Reached only by what hangs; a loaded machine must not fail a test.
PATIENCE = 60.0

_ACCESS = re.compile(rb"^Access at: (http://(\S+):(\d+))$", re.MULTILINE)


def until(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Wait for `condition` to hold.

    :raises AssertionError: when it doesn't within `seconds`; `what` tells what was awaited.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(0.02)


def environment(**changes: str) -> dict[str, str]:
    """This process's environment without settings, and without what would let a child find the checkout by accident."""
    left = ("PYTHONPATH", "PYTHONHOME")
    kept = {name: value for name, value in os.environ.items() if name not in left and name[:9] != "PEERSTOR_"}
    lanes = {} if FAST_LANES else {"PEERSTOR_FAST_LANES": "false"}
    return {**kept, **lanes, "PYTHONDONTWRITEBYTECODE": "1", **changes}


class Foreground:
    """A server in the foreground, running while the context is entered.

    :param arguments: the whole command line.
    :param cwd: its working folder; its output is gathered in `out` and `err` there.
    :param environ: further variables.
    :param descriptors: those that it inherits, under their own numbers.
    """

    def __init__(
        self, arguments: list[str], *, cwd: str, environ: Mapping[str, str] = {}, descriptors: Sequence[int] = ()
    ) -> None:
        self._out_path, self._err_path = os.path.join(cwd, "out"), os.path.join(cwd, "err")
        with open(self._out_path, "wb") as out, open(self._err_path, "wb") as err:
            self.process = subprocess.Popen(
                arguments,
                cwd=cwd,
                env=environment(**environ),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                pass_fds=descriptors,
            )

    def __enter__(self) -> "Foreground":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)

    @property
    def out(self) -> bytes:
        """What it wrote on standard output."""
        with open(self._out_path, "rb") as out:
            return out.read()

    @property
    def err(self) -> bytes:
        """What it wrote on standard error."""
        with open(self._err_path, "rb") as err:
            return err.read()

    def wait_until_serving(self) -> None:
        """Wait for the line that says where it is."""
        until(
            lambda: _ACCESS.search(self.out) or self.process.poll() is not None, f"a server; {self.err.decode()}"
        )
        if self.process.poll() is not None:
            raise AssertionError(f"it ended: {self.err.decode()} {self.out.decode()}")

    @property
    def port(self) -> int:
        """The port that it says."""
        found = _ACCESS.search(self.out)
        assert found is not None, self.out
        return int(found[3])

    def stop(self) -> int:
        """Stop it in good order and tell its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)
