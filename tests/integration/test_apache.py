"""A server behind a real Apache: whatever holds behind nginx holds here."""

from tests.integration import test_nginx as nginx
from tests.integration.apache import Apache
from tests.scratch import scratch_folder


class SecureSubPathTests(nginx.SecureSubPathTests):
    """Below a path, over TLS, which ends at Apache."""

    kind = Apache
    expecting = "Expect: 100-continue\r\n"  # else it looks for an answer only when all has been sent

    def test_sample(self) -> None:
        """The program itself finds nothing wrong with the sample, by a port or by a socket."""
        for backend in (self.server.port, "/run/peerstor/http.sock"):
            proxy = self.kind(scratch_folder(self), backend=backend, base=self.base, tls=True, start=False)
            done = self.run_program(*proxy.command(), "-t")
            self.assertEqual(done.returncode, 0, done.stderr)


class InterruptedTests(nginx.InterruptedTests):
    """A large upload that meets both."""

    kind = Apache
