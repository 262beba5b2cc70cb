"""A real nginx in front of a real PeerStor, with the configuration that we hand out."""

import os
import re
import shutil
import socket
import ssl
import subprocess
from pathlib import Path

from tests.integration.daemon import PATIENCE, until
from tests.integration.server import free_port

SAMPLE = Path(__file__).parent.parent.parent / "conf/nginx.conf"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

_AROUND = """
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


class Proxy:
    """One nginx, running until it is ended.

    :param folder: a folder of its own.
    :param backend: the port of the server behind it.
    :param base: the path below which it shows that; empty for none.
    :param tls: whether it speaks TLS, with a certificate that signs itself.
    """

    def __init__(self, folder: str, *, backend: int, base: str = "", tls: bool = False) -> None:
        assert NGINX is not None, "nginx is missing"
        self.folder = folder
        self.port = free_port()
        self.scheme = "https" if tls else "http"
        self.certificate = os.path.join(folder, "cert.pem")
        if tls:
            _make_certificate(self.certificate, os.path.join(folder, "key.pem"))
        with open(os.path.join(folder, "nginx.conf"), "w", encoding="utf-8") as file:
            file.write(_AROUND.format(folder=folder, servers=self._servers(backend, base, tls)))
        with open(os.path.join(folder, "out"), "wb") as out:
            self._process = subprocess.Popen(
                [NGINX, "-p", folder, "-c", f"{folder}/nginx.conf", "-e", f"{folder}/error.log"],
                stdout=out, stderr=out,
            )  # fmt: skip
        until(self._answers, f"nginx; {self.log}")

    @property
    def url(self) -> str:
        """Where it serves, without a slash at the end."""
        return f"{self.scheme}://localhost:{self.port}"

    @property
    def log(self) -> str:
        """What it had to complain of."""
        parts = [os.path.join(self.folder, name) for name in ("out", "error.log")]
        return "".join(Path(part).read_text(encoding="utf-8") for part in parts if os.path.exists(part))

    def end(self) -> None:
        """Leave no process behind."""
        self._process.terminate()
        self._process.wait(PATIENCE)

    def _servers(self, backend: int, base: str, tls: bool) -> str:
        """Give our sample with names, ports and files of this machine."""
        sample = SAMPLE.read_text(encoding="utf-8")
        plain, separator, secure = sample.partition("server {\n    listen 80;")
        secure = "server {\n" + secure.partition("\nserver {\n")[2]
        for pattern, replacement in (
            (r"\n    listen \[::\][^\n]*", ""),
            (r"listen 443 ssl http2", f"listen 127.0.0.1:{self.port}" + (" ssl http2" if tls else "")),
            (r"files\.example\.org;", "localhost;"),
            (r"location /files/", f"location {base}/"),
            (r"\n    ssl_certificate +[^\n]*", f"\n    ssl_certificate {self.certificate};" if tls else ""),
            (
                r"\n    ssl_certificate_key[^\n]*",
                f"\n    ssl_certificate_key {self.folder}/key.pem;" if tls else "",
            ),
            (r"127\.0\.0\.1:8080", f"127.0.0.1:{backend}"),
        ):
            changed = re.sub(pattern, replacement, plain + secure)
            plain, secure = "", changed
        assert separator and f"127.0.0.1:{backend}" in secure and f"127.0.0.1:{self.port}" in secure
        return secure

    def _answers(self) -> bool:
        if self._process.poll() is not None:
            raise AssertionError(f"nginx ended: {self.log}")
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
        except OSError:
            return False


def _make_certificate(certificate: str, key: str) -> None:
    """Make a certificate for `localhost` that signs itself, as an owner would."""
    assert ssl.HAS_TLSv1_3
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
        check=True, capture_output=True, timeout=PATIENCE,
    )  # fmt: skip
