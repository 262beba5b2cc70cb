"""A network between browser and server that is as slow, and as broken, as a test wants it."""

import contextlib
import socket
import threading
import time

BLOCK = 64 * 1024


class Strait:
    """Relays connections to a port of the loopback interface.

    What goes to the server is paced, and counted; buffers are small, so that little is on its way.
    """

    def __init__(self, server_port: int) -> None:
        self.rate: int | None = None
        """Bytes a second that pass to the server; None is no limit."""
        self.passed = 0
        """Bytes that have passed to the server."""
        self._server_port = server_port
        self._down = False
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BLOCK)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def fail(self) -> None:
        """Cut every connection, and take no new one."""
        with self._lock:
            self._down = True
            for end in self._open:
                _cut(end)

    def mend(self) -> None:
        """Take connections again."""
        self._down = False

    def close(self) -> None:
        """End for good."""
        self.fail()
        _cut(self._listener)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near: socket.socket) -> None:
        far = socket.socket()
        far.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BLOCK)
        with near, far:
            with self._lock:
                if self._down:
                    return
                self._open |= {near, far}
            with contextlib.suppress(OSError):  # the server is away
                far.connect(("127.0.0.1", self._server_port))
                back = threading.Thread(target=self._pass, args=(far, near), kwargs={"paced": False}, daemon=True)
                back.start()
                self._pass(near, far, paced=True)
                back.join()
            with self._lock:
                self._open -= {near, far}

    def _pass(self, source: socket.socket, target: socket.socket, *, paced: bool) -> None:
        with contextlib.suppress(OSError):
            while block := source.recv(BLOCK):
                if paced:
                    if self.rate is not None:
                        time.sleep(len(block) / self.rate)
                    self.passed += len(block)
                target.sendall(block)
        _cut(source)
        _cut(target)


def _cut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
