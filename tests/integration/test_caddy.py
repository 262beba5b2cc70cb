"""A server behind a real Caddy: whatever holds behind nginx holds here."""

from tests.integration import test_nginx as nginx
from tests.integration.caddy import Caddy
from tests.integration.daemon import until
from tests.integration.proxy import CONF, program


class SecureSubPathTests(nginx.SecureSubPathTests):
    """Below a path, over TLS, which ends at Caddy."""

    kind = Caddy

    def test_sample(self) -> None:
        """The program itself finds nothing wrong with the sample, both sites, nor with how it is written."""
        sample = str(CONF / "Caddyfile")
        done = self.run_program(program("caddy"), "validate", "--config", sample, "--adapter", "caddyfile")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn(b'"level":"warn"', done.stderr)
        done = self.run_program(program("caddy"), "fmt", sample)
        self.assertEqual(done.stdout.decode(), (CONF / "Caddyfile").read_text(encoding="utf-8"))

    def test_host(self) -> None:
        """A host that isn't in the sample comes nowhere near the server."""
        self.assertEqual(self.curl("-H", "Host: evil.example"), (200, b""))
        self.assertEqual(self.curl(path="/mark")[0], 404)
        until(self.access_log, "the access log")
        self.assertEqual(len(self.access_log()), 1)


class OwnHostTests(SecureSubPathTests):
    """A host name of its own, over TLS."""

    base = ""


class LocalTests(nginx.LocalTests):
    """Through a UNIX socket."""

    kind = Caddy


class InterruptedTests(nginx.InterruptedTests):
    """A large upload that meets both."""

    kind = Caddy
