"""Times PeerStor beside nginx: downloads, ranges, small files, listings, uploads.

    python -m tests.bench [--rounds 3] [--mib 256]

Starts both on 127.0.0.1 over the same files, loads them in turn (A B, B A, ...) and prints medians and the ratio.
Figures of one machine and moment mean little; the ratio is what to compare. nginx is left out where it isn't
installed. The clients are curl and, for small requests, `wrk` where it is installed, else one keep-alive loop.
"""

import argparse
import contextlib
import http.client
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from attrs import frozen

SECONDS = 2
"""How long a timed round of small requests lasts."""


@frozen
class Server:
    """A running server.

    :param base: its URL, without a final slash.
    :param root: the folder that it serves.
    """

    name: str
    base: str
    root: Path


def free_port() -> int:
    """Find a port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(command: list[str], port: int, folder: Path) -> Iterator[None]:
    """Run a server until the block ends."""
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, start_new_session=True)
    try:
        until = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"{command[0]} did not start: see {folder / 'log'}")
            time.sleep(0.02)
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)


def plant(root: Path, mib: int) -> None:
    """Make the files that are asked for."""
    (root / "up").mkdir(parents=True)
    (root / "list").mkdir()
    with open(root / "big.bin", "wb") as big:
        for _ in range(mib):
            big.write(os.urandom(2**20))
    (root / "small.bin").write_bytes(os.urandom(4096))
    for number in range(1000):
        (root / "list" / f"entry-{number:04}.txt").write_bytes(b"x" * (number % 97))


@contextlib.contextmanager
def peerstor(work: Path, mib: int) -> Iterator[Server]:
    """Run ourselves, unsynced as nginx is."""
    root, port = work / "root", free_port()
    plant(root, mib)
    command = [sys.executable, "-m", "peerstor", "--host", "127.0.0.1", "--port", str(port), "--strict-port"]
    with running([*command, "--storage", str(root), "--no-fsync"], port, work):
        yield Server("peerstor", f"http://127.0.0.1:{port}", root)


@contextlib.contextmanager
def nginx(work: Path, mib: int) -> Iterator[Server]:
    """Run nginx with sendfile and PUT."""
    root, port = work / "root", free_port()
    plant(root, mib)
    temp = work / "temp"
    temp.mkdir()
    paths = "".join(f"{kind}_temp_path {temp};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;" if os.getuid() == 0 else ""
    (work / "nginx.conf").write_text(
        f"daemon off; {user} worker_processes auto; pid {work}/pid; error_log {work}/error.log;"
        "events { worker_connections 1024; }"
        f"http {{ access_log off; sendfile on; client_max_body_size 0; keepalive_requests 1000000; {paths}"
        f"server {{ listen 127.0.0.1:{port}; root {root}; autoindex on;"
        "location /up/ { dav_methods PUT; } } }"
    )
    binary = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or "nginx"
    with running([binary, "-e", str(work / "error.log"), "-c", str(work / "nginx.conf")], port, work):
        yield Server("nginx", f"http://127.0.0.1:{port}", root)


def curl(*arguments: str) -> float:
    """Run curl, and give the bytes a second that it moved, in MB."""
    form = "%{http_code} %{size_download} %{size_upload} %{time_total}"
    done = subprocess.run(
        ["curl", "-sS", "-o", os.devnull, "-w", form, *arguments], capture_output=True, text=True, check=True
    )
    status, down, up, seconds = done.stdout.split()
    if status[0] != "2":
        raise SystemExit(f"curl {arguments}: {status}")
    return (int(down) + int(up)) / float(seconds) / 1e6


def download(server: Server) -> float:
    """One large file, MB/s."""
    return curl(f"{server.base}/big.bin")


def ranges(server: Server) -> float:
    """32 ranges of 1 MiB over one connection, MB/s."""
    size = (server.root / "big.bin").stat().st_size
    step = (size - 2**20) // 31
    connection = http.client.HTTPConnection(server.base.removeprefix("http://"))
    began = time.perf_counter()
    for number in range(32):
        start = number * step
        connection.request("GET", "/big.bin", headers={"Range": f"bytes={start}-{start + 2**20 - 1}"})
        if len(connection.getresponse().read()) != 2**20:
            raise SystemExit("a range came short")
    return 32 * 2**20 / (time.perf_counter() - began) / 1e6


def requests(server: Server, path: str, connections: int) -> float:
    """Requests a second for a small answer."""
    if shutil.which("wrk"):
        command = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", server.base + path]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found = re.search(r"Requests/sec:\s+([\d.]+)", out)
        if found is None or "Non-2xx" in out:
            raise SystemExit(out)
        return float(found[1])
    connection, count = http.client.HTTPConnection(server.base.removeprefix("http://")), 0
    until = time.perf_counter() + SECONDS
    while time.perf_counter() < until:
        connection.request("GET", path)
        connection.getresponse().read()
        count += 1
    return count / SECONDS


def upload(server: Server) -> float:
    """One large file by PUT, MB/s."""
    target = server.root / "up" / "put.bin"
    target.unlink(missing_ok=True)
    return curl("-H", "Expect:", "-T", str(server.root / "big.bin"), f"{server.base}/up/put.bin")


def small_uploads(server: Server) -> float:
    """200 files of 10 KiB by PUT over one connection, files a second."""
    for old in (server.root / "up").glob("small-*"):
        old.unlink()
    connection, body = http.client.HTTPConnection(server.base.removeprefix("http://")), os.urandom(10240)
    began = time.perf_counter()
    for number in range(200):
        connection.request("PUT", f"/up/small-{number}", body)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 201:
            raise SystemExit(f"PUT: {answer.status}")
    return 200 / (time.perf_counter() - began)


WORKLOADS: dict[str, tuple[str, Callable[[Server], float]]] = {
    "download": ("MB/s", download),
    "ranges of 1 MiB": ("MB/s", ranges),
    "4 KiB file": ("requests/s", lambda server: requests(server, "/small.bin", 16)),
    "listing of 1,000": ("requests/s", lambda server: requests(server, "/list/", 4)),
    "upload by PUT": ("MB/s", upload),
    "uploads of 10 KiB": ("files/s", small_uploads),
}


def main() -> None:
    """Run all workloads and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mib", type=int, default=256, help="size of the large file")
    options = parser.parse_args()
    makers = [peerstor]
    if shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin"):
        makers.append(nginx)
    with contextlib.ExitStack() as stack:
        base = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="peerstor-bench-")))
        servers = []
        for make in makers:
            work = base / make.__name__
            work.mkdir()
            servers.append(stack.enter_context(make(work, options.mib)))
        print(f"{'':20} {'unit':>10}", *(f"{server.name:>10}" for server in servers), f"{'ratio':>8}")
        for name, (unit, workload) in WORKLOADS.items():
            taken: dict[str, list[float]] = {server.name: [] for server in servers}
            for number in range(options.rounds + 1):  # the first warms up
                for server in servers if number % 2 else servers[::-1]:
                    figure = workload(server)
                    if number:
                        taken[server.name].append(figure)
            medians = [statistics.median(taken[server.name]) for server in servers]
            ratio = f"{medians[0] / medians[1]:8.2f}" if len(medians) > 1 else ""
            print(f"{name:20} {unit:>10}", *(f"{median:10.0f}" for median in medians), ratio, flush=True)


if __name__ == "__main__":
    main()
