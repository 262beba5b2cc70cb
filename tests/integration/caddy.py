"""Caddy, by our sample."""

from tests.integration.proxy import CONF, Proxy, changed, program

_OPTIONS = """{
	admin off
	auto_https disable_redirects
	skip_install_trust
	log {
		level INFO
	}
}

"""


class Caddy(Proxy):
    """Caddy with the one or the other site of `conf/Caddyfile`."""

    withheld = 4096  # what Go gathers before it writes

    def prepare(self) -> None:
        sample = (CONF / "Caddyfile").read_text(encoding="utf-8")
        common, _, sites = sample.partition("\nfiles.example.org {")
        own, _, shared = sites.partition("\nwww.example.org {")
        assert common and own and shared
        body = changed(shared, ("/files", self.base)) if self.base else own
        tls = f"\n\ttls {self.certificate} {self.key}" if self.tls else ""
        self.write("Caddyfile", f"{_OPTIONS}{changed(common, *self._upstream())}\n{self.url} {{{tls}{body}")

    def command(self) -> list[str]:
        """Give the command line that runs it in the foreground."""
        return [program("caddy"), "run", "--config", f"{self.folder}/Caddyfile", "--adapter", "caddyfile"]

    def _upstream(self) -> tuple[tuple[str, str], ...]:
        if isinstance(self.backend, int):
            return (("\t\tto 127.0.0.1:8080\n", f"\t\tto 127.0.0.1:{self.backend}\n"),)
        return (
            ("\t\tto 127.0.0.1:8080\n", ""),
            ("\t\t#to unix//run/peerstor/http.sock", f"\t\tto unix/{self.backend}"),
        )
