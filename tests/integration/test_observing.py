"""Watching a real server: its figures as Prometheus takes them, and its log as programs read it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from twisted.trial.unittest import SynchronousTestCase

from tests.integration.daemon import PATIENCE, TWISTD, Foreground, environment, until
from tests.integration.server import Server, ServerCase, free_port
from tests.scratch import scratch_folder

TOKEN = "the owner's secret"


def scraped(server: Server, **headers: str) -> dict[tuple[str, str], float]:
    """Read the figures as Prometheus would; by name and the values of their labels."""
    request = urllib.request.Request(f"{server.url}/-/metrics", headers=headers)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        text = answer.read().decode()
    return {
        (sample.name, " ".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


class Scraping(ServerCase):
    def test_scrape(self) -> None:
        """A scrape with a token of the right admin, while files come and go; without, there is nothing."""
        server = self.serve("--token", TOKEN)
        with self.assertRaises(urllib.error.HTTPError) as refused:
            scraped(server)
        self.addCleanup(refused.exception.close)
        self.assertEqual(refused.exception.code, 401)
        signed = {"Authorization": f"Bearer {TOKEN}"}
        put = urllib.request.Request(f"{server.url}/a", data=b"x" * 100_000, headers=signed, method="PUT")
        urllib.request.urlopen(put, timeout=PATIENCE).close()
        until(lambda: scraped(server, **signed)["peerstor_event_loop_delay_seconds_count", ""] >= 2, "the loop")
        found = scraped(server, **signed)
        self.assertEqual(found["peerstor_requests_total", "PUT / 201"], 1)
        self.assertEqual(found["peerstor_requests_total", "GET /-/metrics 401"], 1)
        self.assertEqual(found["peerstor_uploads_total", "finished"], 1)
        self.assertEqual(found["peerstor_received_bytes_total", ""], 100_000)
        self.assertEqual(found["peerstor_transfers", "up"], 0)
        self.assertGreaterEqual(found["peerstor_connections", ""], 1)
        for folder in ("storage", "state"):
            self.assertEqual(found["peerstor_disk_answers", folder], 1)
            self.assertGreater(found["peerstor_disk_free_bytes", folder], 0)
        self.assertGreater(found["process_resident_memory_bytes", ""], 1_000_000)
        self.assertGreater(found["process_cpu_seconds_total", ""], 0)

    def test_open(self) -> None:
        """`--metrics-open` needs no token."""
        server = self.serve("--token", TOKEN, "--metrics-open")
        self.assertGreaterEqual(scraped(server)["peerstor_connections", ""], 1)


class JsonLogs(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = scratch_folder(self)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.ours = [
            *("--host", "127.0.0.1", "--port", str(self.port), "--strict-port"),
            *("--storage", os.path.join(self.folder, "data")),
        ]

    def events(self, written: bytes) -> list[dict[str, Any]]:
        """Read a log of which every line has to be JSON, and the last one whole."""
        self.assertTrue(written.endswith(b"\n"), written)
        events = [json.loads(line) for line in written.splitlines()]
        for event in events:
            self.assertRegex(event["time"], r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")
            self.assertLessEqual({"level", "namespace", "message"}, set(event))
        return events

    def check(self, written: bytes, request_id: str) -> None:
        """A log tells where the server is, and of a refused request, by its id."""
        events = self.events(written)
        self.assertIn(f"Access at: {self.url}", [event["message"] for event in events])
        [refused] = [event for event in events if event.get("fields", {}).get("told") == "forbidden"]
        self.assertEqual((refused["request"], refused["level"]), (request_id, "info"))
        self.assertEqual(refused["namespace"], "peerstor.web.errors")
        self.assertEqual(refused["fields"], {"told": "forbidden", "method": "DELETE", "uri": "/a"})
        self.assertNotIn(b"hunter2", written)

    def refuse(self) -> str:
        """Have a request refused; gives its id."""
        request = urllib.request.Request(f"{self.url}/a?password=hunter2", method="DELETE")
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=PATIENCE)
        self.addCleanup(refused.exception.close)
        return refused.exception.headers["X-Request-ID"]

    def foreground(self, *command: str) -> None:
        """Run a server in the foreground whose standard output is the log and nothing else."""
        with Foreground([*command], cwd=self.folder) as server:
            until(lambda: b"Access at: " in server.out or server.process.poll() is not None, "the log")
            self.assertIsNone(server.process.poll(), server.err)
            request_id = self.refuse()
            server.stop()
            self.check(server.out, request_id)
            self.assertIn("Server Shut Down.", [event["message"] for event in self.events(server.out)])

    def test_command(self) -> None:
        """`python -m peerstor --log-format json` writes nothing but JSON to standard output, from the first line."""
        self.foreground(sys.executable, "-m", "peerstor", *self.ours, "--log-format", "json", "--qr")

    def test_twistd(self) -> None:
        """So does twistd in the foreground."""
        self.foreground(TWISTD, "-n", "peerstor", *self.ours, "--log-format", "json")

    def test_logger(self) -> None:
        """So does twistd's own --logger."""
        self.foreground(TWISTD, "-n", "--logger=peerstor.daemon.jsonlog.observer", "peerstor", *self.ours)

    def daemon(self, *options: str, ours: tuple[str, ...] = ()) -> None:
        """Run a daemon with a log file, which is renamed meanwhile."""
        log, pid_file = (os.path.join(self.folder, name) for name in ("log", "pid"))
        command = [TWISTD, "--pidfile", pid_file, "--logfile", log, *options, "peerstor", *self.ours, *ours]
        subprocess.run(command, cwd=self.folder, env=environment(), check=True, timeout=PATIENCE)
        with open(pid_file) as file:
            pid = int(file.read())
        try:
            until(lambda: b"Access at: " in read(log), "the log")
            request_id = self.refuse()
            os.rename(log, f"{log}.1")
            os.kill(pid, signal.SIGHUP)
            until(lambda: os.path.exists(log), "the new log")
        finally:
            os.kill(pid, signal.SIGTERM)
            until(lambda: not os.path.exists(pid_file), "the daemon's end")
        self.check(read(f"{log}.1"), request_id)
        self.assertIn("Server Shut Down.", [event["message"] for event in self.events(read(log))])

    def test_daemon(self) -> None:
        """A daemon writes JSON to its --logfile, and goes on in another one after SIGHUP."""
        self.daemon(ours=("--log-format", "json"))

    def test_daemon_with_logger(self) -> None:
        """So does one by twistd's own --logger, which --logfile holds for then as well."""
        self.daemon("--logger=peerstor.daemon.jsonlog.observer")

    def test_text(self) -> None:
        """In text, too, a line about a request has its id."""
        with Foreground([sys.executable, "-m", "peerstor", *self.ours], cwd=self.folder) as server:
            server.wait_until_serving()
            request_id = self.refuse()
            server.stop()
            line = rf"(?m)^\S+ \[\S+\] refused DELETE /a: forbidden \(request {request_id}\)$"
            self.assertIsNotNone(re.search(line, server.out.decode()), server.out)


def read(path: str) -> bytes:
    """Read a file; nothing where there is none."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""
