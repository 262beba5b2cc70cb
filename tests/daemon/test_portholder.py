"""Rules of finding out who holds a port."""

import os
import socket
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from peerstor.daemon.portholder import holder_of
from tests.scratch import scratch_folder


class HolderTests(SynchronousTestCase):
    def test_names_this_process(self) -> None:
        """A process that listens is found by its socket, on either family."""
        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            with self.subTest(family=family), socket.socket(family) as listener:
                listener.bind((host, 0))
                listener.listen()
                holder = holder_of(listener.getsockname()[1])
                self.assertIsNotNone(holder)
                self.assertTrue(str(holder).endswith(f" (process {os.getpid()})"), holder)

    def test_names_another_process(self) -> None:
        """Another process of this user is found."""
        script = (
            "import socket, sys; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen();"
            "print(s.getsockname()[1], flush=True); sys.stdin.read()"
        )
        with subprocess.Popen(
            [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as child:
            assert child.stdout is not None
            port = int(child.stdout.readline())
            self.assertTrue(str(holder_of(port)).endswith(f" (process {child.pid})"))
            child.communicate()

    def test_bound_is_not_listening(self) -> None:
        """A port on which nobody listens has no holder."""
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            self.assertIsNone(holder_of(bound.getsockname()[1]))

    def test_without_proc(self) -> None:
        """Where there is no /proc, nobody is named and nothing breaks."""
        self.assertIsNone(holder_of(80, proc=scratch_folder(self)))

    def test_name_cannot_write_to_the_terminal(self) -> None:
        """A program's name is its own invention: control characters in it are not shown."""
        proc = scratch_folder(self)
        os.makedirs(f"{proc}/net")
        os.makedirs(f"{proc}/77/fd")
        with open(f"{proc}/net/tcp", "w") as table:
            table.write("  sl  local_address rem_address   st tx rx tr tm retr uid timeout inode\n")
            table.write("   0: 0100007F:1F90 00000000:0000 01 00000000:00000000 00:00000000 0 0 0 4242 1 0\n")
        with open(f"{proc}/77/comm", "w") as comm:
            comm.write("evil\x1b[2J\n")
        self.assertIsNone(holder_of(8080, proc=proc))
        os.symlink("socket:[4242]", f"{proc}/77/fd/3")
        self.assertIsNone(holder_of(8080, proc=proc))
        with open(f"{proc}/net/tcp", "a") as table:
            table.write("   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 0 0 0 4242 1 0\n")
        self.assertEqual(holder_of(8080, proc=proc), "evil?[2J (process 77)")
