"""Apache, by our sample."""

import os

from tests.integration.proxy import CONF, Proxy, changed, program
from tests.integration.server import free_port

_MODULES = (
    *("mpm_event", "authz_core", "alias", "env", "socache_shmcb", "reqtimeout"),  # what Debian has on
    *("ssl", "http2", "headers", "proxy", "proxy_http"),  # what the sample asks for, and what that brings along
)

_AROUND = """
ServerRoot {folder}
ServerName localhost
PidFile {folder}/pid
ErrorLog {folder}/error.log
DefaultRuntimeDir {folder}
Listen 127.0.0.1:{port}
Listen 127.0.0.1:{redirecting}
{user}
{modules}
Include {folder}/peerstor.conf
"""


class Apache(Proxy):
    """Apache with `conf/apache.conf`, always with TLS."""

    withheld = 64 * 1024  # what it gathers of a body before it sends

    def prepare(self) -> None:
        assert self.tls
        redirecting = free_port()
        modules = "\n".join(
            f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in _MODULES
        )
        user = "User www-data\nGroup www-data" if os.geteuid() == 0 else ""
        self.write(
            "apache2.conf",
            _AROUND.format(
                folder=self.folder, port=self.port, redirecting=redirecting, modules=modules, user=user
            ),
        )
        sample = changed(
            (CONF / "apache.conf").read_text(encoding="utf-8"),
            ("<VirtualHost *:80>", f"<VirtualHost *:{redirecting}>"),
            ("<VirtualHost *:443>", f"<VirtualHost *:{self.port}>"),
            ("ServerName files.example.org", "ServerName localhost"),
            ("/etc/letsencrypt/live/files.example.org/fullchain.pem", self.certificate),
            ("/etc/letsencrypt/live/files.example.org/privkey.pem", self.key),
            ('"/files"', f'"{self.base or "/"}"'),
            *self._upstream(),
        )
        self.write("peerstor.conf", sample)

    def command(self) -> list[str]:
        """Give the command line that runs it in the foreground."""
        return [program("apache2"), "-d", self.folder, "-f", f"{self.folder}/apache2.conf", "-D", "FOREGROUND"]

    def _upstream(self) -> tuple[tuple[str, str], ...]:
        base = self.base or "/"
        if isinstance(self.backend, int):
            return (("http://127.0.0.1:8080/files", f"http://127.0.0.1:{self.backend}{base}"),)
        return (
            (f'ProxyPass "{base}" "http:', f'#ProxyPass "{base}" "http:'),
            (f'#ProxyPass "{base}" "unix:', f'ProxyPass "{base}" "unix:'),
            ("unix:/run/peerstor/http.sock|http://localhost/files", f"unix:{self.backend}|http://localhost{base}"),
        )
