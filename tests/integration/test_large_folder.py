"""Rules of folders with very many entries."""

import http.client
import os
import threading
import time
from urllib.parse import urlencode

import pytest

from tests.integration.server import ServerCase
from tests.integration.wire import Api

ENTRIES = 100_000
MIB = 1 << 20


class Prober(threading.Thread):
    """Fetches a small file over and over and keeps how long each took."""

    def __init__(self, api: Api) -> None:
        super().__init__(daemon=True)
        self._api, self._ended = api, threading.Event()
        self.times: list[float] = []
        self.start()

    def run(self) -> None:
        while not self._ended.wait(0.005):
            began = time.monotonic()
            try:
                assert self._api.get("/small.txt").body == b"small"
            except (OSError, AssertionError, http.client.HTTPException):
                self.times.append(float("inf"))
                return
            self.times.append(time.monotonic() - began)

    def percentile(self, part: float) -> float:
        """End the probing and give a percentile, seconds."""
        self._ended.set()
        self.join()
        return sorted(self.times)[int(len(self.times) * part)]


@pytest.mark.slow
class LargeFolderTests(ServerCase):
    def test_paging(self) -> None:
        """100,000 entries page by JSON, each once and in order, while others are served and memory stays flat."""
        server = self.serve()
        os.mkdir(f"{server.storage}/many")
        folder = os.open(f"{server.storage}/many", os.O_RDONLY)
        self.addCleanup(os.close, folder)
        for number in range(ENTRIES):
            os.close(os.open(f"entry {number:06}.txt", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
        with open(f"{server.storage}/small.txt", "wb") as file:
            file.write(b"small")
        api, prober = self.api(server), Prober(self.api(server))
        api.listing()
        began = time.monotonic()
        with server.watched() as watch:
            names = self.page_through(api, limit=10_000)
            seconds = time.monotonic() - began
            # One page of each order, and the page for people, of which one is as dear as any.
            for parameters in ({"sort": "mtime", "order": "desc"}, {"sort": "size"}, {"limit": 1}):
                self.page(api, **parameters)
            self.assertEqual(api.call("GET", "/many/", headers={"Accept": "text/html"}).status, 200)
            self.assertEqual(api.call("HEAD", "/many/").status, 200)
            # The page of one file, which looks for those beside it.
            for number in range(5):
                self.assertEqual(api.call("GET", f"/-/view/many/entry%20{number:06}.txt").status, 200)
        p99 = prober.percentile(0.99)
        self.measured(
            f"all pages in {seconds:.1f} s; {len(prober.times)} small GETs beside, p99 {p99 * 1000:.0f} ms, slowest"
            f" {max(prober.times) * 1000:.0f} ms; grew by {watch.growth / MIB:.1f} MiB"
        )
        self.assertEqual(names, [f"entry {number:06}.txt" for number in range(ENTRIES)])
        self.assertLess(p99, 0.25)
        self.assertLess(watch.growth, 50 * MIB)

    def page(self, api: Api, **parameters: str | int) -> tuple[list[str], str | None]:
        answer = api.call("GET", f"/many/?{urlencode(parameters)}", headers={"Accept": "application/json"})
        self.assertEqual(answer.status, 200)
        told = answer.json
        return [entry["name"] for entry in told["entries"]], told["next"]

    def page_through(self, api: Api, limit: int) -> list[str]:
        names, cursor = self.page(api, limit=limit)
        while cursor is not None:
            more, cursor = self.page(api, limit=limit, cursor=cursor)
            names += more
        return names
