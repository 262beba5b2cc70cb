"""nginx, by our sample or with nothing set."""

import os

from tests.integration.proxy import CONF, Proxy, changed, program
from tests.integration.server import free_port

_AROUND = """
{user}
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log info;
events {{ worker_connections 256; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {servers}
}}
"""

_BARE = """
server {{
    listen 127.0.0.1:{port}{tls};
    server_name localhost;
    {certificate}
    location / {{
        proxy_pass http://127.0.0.1:{backend};
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-Proto $scheme;
    }}
}}
"""


class Nginx(Proxy):
    """nginx with `conf/nginx.conf`, whose names, ports and files are made those of this machine."""

    def prepare(self) -> None:
        # As root, its workers would be somebody else, whom the socket lets nothing say.
        user = "user root;" if os.geteuid() == 0 else ""
        self.write("nginx.conf", _AROUND.format(user=user, folder=self.folder, servers=self.servers()))

    def command(self) -> list[str]:
        """Give the command line that runs it in the foreground."""
        folder = self.folder
        return [program("nginx"), "-p", folder, "-c", f"{folder}/nginx.conf", "-e", f"{folder}/error.log"]

    def servers(self) -> str:
        """Give what stands in the block `http`."""
        clear = next(port for port in iter(free_port, None) if port != self.port)
        sample = changed(
            (CONF / "nginx.conf").read_text(encoding="utf-8"),
            ("listen 80;", f"listen 127.0.0.1:{clear};"),
            ("listen [::]:80;", ""),
            ("listen 443 ssl http2;", f"listen 127.0.0.1:{self.port}{' ssl http2' if self.tls else ''};"),
            ("listen [::]:443 ssl http2;", ""),
            ("server_name files.example.org;", "server_name localhost;"),
            ("location /files/", f"location {self.base}/"),
            *self._upstream(),
        )
        if self.tls:
            return changed(
                sample,
                ("/etc/letsencrypt/live/files.example.org/fullchain.pem", self.certificate),
                ("/etc/letsencrypt/live/files.example.org/privkey.pem", self.key),
            )
        return "\n".join(line for line in sample.split("\n") if not line.strip().startswith("ssl_certificate"))

    def _upstream(self) -> tuple[tuple[str, str], ...]:
        if isinstance(self.backend, int):
            return (("    server 127.0.0.1:8080;", f"    server 127.0.0.1:{self.backend};"),)
        return (
            ("    server 127.0.0.1:8080;\n", ""),
            ("    #server unix:/run/peerstor/http.sock;", f"    server unix:{self.backend};"),
        )


class BareNginx(Nginx):
    """nginx as somebody sets it up who has read nothing: it keeps bodies, and lets 1 MiB through."""

    def servers(self) -> str:
        """Give what stands in the block `http`."""
        certificate = f"ssl_certificate {self.certificate}; ssl_certificate_key {self.key};" if self.tls else ""
        tls = " ssl http2" if self.tls else ""
        return _BARE.format(port=self.port, backend=self.backend, tls=tls, certificate=certificate)
