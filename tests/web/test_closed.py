"""With a token set, nothing of the storage is had without it: by no method, form of a path, or header."""

import itertools
import json
import os
import re

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.web.house import Answer, House
from tests.web.test_login import basic, bearer

SECRET = "the owner's secret"
NAME, CONTENT, FOLDER = "canary-name.txt", b"canary-content " * 20_011, "canary-folder"
SIZE = len(CONTENT)
TELLTALES = (b"canary-name", b"canary-content", b"canary-folder", str(SIZE).encode())

METHODS = (
    *("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "PROPFIND", "MKCOL", "COPY"),
    *("MOVE", "LOCK", "SEARCH", "REPORT", "PURGE", "get", "FOO"),
)

PATHS = (
    *(f"/{NAME}", f"/{FOLDER}/", f"/{FOLDER}", f"/{FOLDER}/{NAME}", "/", "/*", "*"),
    *(f"/-/tree/{NAME}", f"/-/tree/{FOLDER}/", "/-/tree/", "/-/tree", f"//{NAME}", f"/./{NAME}", f"/x/../{NAME}"),
    *(f"/%2e/{NAME}", f"/{NAME}/", f"/{NAME}%00", f"/{NAME};a=b", f"/{NAME}?download", f"/{NAME}?raw#x"),
    *("/%63anary-name.txt", "/canary%2Dname.txt", f"http://localhost/{NAME}", f"HTTP://localhost/{FOLDER}/"),
    *(f"/-/static/../../{NAME}", f"/-/static/%2e%2e/{NAME}", f"/-/../{NAME}", f"/api/../{NAME}", f"/api//{NAME}"),
    *(
        "/-/metrics",
        f"/-/metrics/{NAME}",
        f"/-/login?next=/{NAME}",
        f"/-/health/../{NAME}",
        "/.peerstor/",
        "/.peerstor/instance",
        f"/-/s/{NAME}",
    ),
    *(f"/api/upload/offset?dir=/&name={NAME}", f"/api/upload/offset?dir=/{FOLDER}&name={NAME}&size={SIZE}"),
    *(f"/api/upload/complete?name={NAME}&size={SIZE}", f"/api/upload/chunk?name={NAME}&offset=0"),
    *("/api/archive?format=zip", f"/api/archive?dir=/{FOLDER}&format=tar"),
    *(f"/api/events?path=/{FOLDER}/", f"/api/events?path=/{NAME}", "/api/events?path=/", "/api/me", "/-/me"),
    *(f"/-/view/{NAME}", f"/-/view/{FOLDER}/", f"/-/qr?path=/{NAME}", f"/-/qr.svg?path=/{FOLDER}/"),
    *(f"/api/upload/abandon?name={NAME}", "/api/shares", "/api/", "/api", "/-/", "/-", "/-/shares"),
    *(
        "/?sort=size&order=desc",
        "/?archive=zip",
        f"/{FOLDER}/?archive=tar&name={NAME}",
        "/?limit=1",
        "/?cursor=x",
        f"/{FOLDER}/?limit=0",
        "/?token=" + "x" * 43,
    ),
)

HEADERS: tuple[dict[str, str], ...] = (
    {},
    {"Accept": "text/html"},
    {"Accept": "application/json"},
    {"Accept": "text/plain"},
    {"Range": "bytes=0-9"},
    {"Range": "bytes=999999999-"},
    {"If-None-Match": "*"},
    {"If-Match": '"x"'},
    {"If-Modified-Since": "Mon, 01 Jan 2035 00:00:00 GMT"},
    {"Authorization": ""},
    {"Authorization": "Basic Og=="},
    {"Authorization": "Basic"},
    {"Authorization": "Bearer undefined"},
    basic("admin", "admin"),
    bearer("x" * 43),
    {"Cookie": "peerstor=1; token=x; session=admin"},
    {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1", "Forwarded": "for=127.0.0.1;proto=https"},
    {"X-Original-URL": f"/{NAME}", "X-Rewrite-URL": f"/{NAME}", "X-Forwarded-Prefix": "/x"},
    {
        "X-HTTP-Method-Override": "GET",
        "X-Remote-User": "owner",
        "Remote-User": "owner",
        "X-Forwarded-User": "owner",
    },
    {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"},
    {"Origin": "null"},
    {"Destination": f"http://localhost/{NAME}", "Depth": "infinity", "Overwrite": "T"},
    {"Expect": "100-continue"},
    {"Upgrade": "h2c", "Connection": "Upgrade, HTTP2-Settings", "HTTP2-Settings": "AAMAAABkAAQAAP__"},
)


class ClosedTests(SynchronousTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.house = cls.make()

    @classmethod
    def make(cls) -> House:
        house = House(token=SECRET)
        house.put_file(NAME, CONTENT)
        house.put_file(f"{FOLDER}/{NAME}", CONTENT)
        os.symlink(NAME, house.path("link"))
        return house

    @classmethod
    def tearDownClass(cls) -> None:
        cls.house.close()

    def check(self, answer: Answer, asked: object, sent: str = "") -> None:
        """Nothing in an answer tells of the storage, beyond what the request itself said."""
        told = json.dumps(answer.headers).encode() + answer.body
        told = told.replace(sent.encode(), b"")
        # Where the login page leads back to is what the client itself asked for.
        told = re.sub(rb"next=[^\"&]*|value=\"[^\"]*\"", b"", told)
        for telltale in TELLTALES:
            self.assertNotIn(telltale, told, asked)
        if not asked or "OPTIONS" not in str(asked):
            self.assertNotIn(answer.status, (201, 204, 206, 304, 416), asked)

    def ask(self, method: str, path: str, headers: dict[str, str]) -> Answer:
        answer = self.house.ask(method, path, None if method in ("GET", "HEAD") else b"x", headers)
        self.house.clock.advance(400)  # guesses are forgotten, so that each is answered and not only refused
        return answer

    def test_every_way(self) -> None:
        """Each method with each form of a path, plain; GET with each header."""
        count = 0
        for method, path in itertools.product(METHODS, PATHS):
            self.check(self.ask(method, path, {}), (method, path))
            count += 1
        for path, headers in itertools.product(PATHS, HEADERS):
            for method in ("GET", "HEAD", "PUT", "POST"):
                self.check(self.ask(method, path, headers), (method, path, headers))
                count += 1
        self.assertGreater(count, 2000)
        self.assertEqual(self.house.content(NAME), CONTENT)
        self.assertEqual(self.house.content(f"{FOLDER}/{NAME}"), CONTENT)
        self.assertEqual(
            set(os.listdir(self.house.storage)), {NAME, FOLDER, "link", ".peerstor"}, "something was stored"
        )

    def test_absent_and_present_look_alike(self) -> None:
        """Status, headers and body are the same for a name that is there and one that isn't."""
        for headers in HEADERS:
            for method in ("GET", "HEAD", "PUT", "DELETE", "POST"):
                present = self.ask(method, f"/{NAME}", headers)
                absent = self.ask(method, f"/{NAME[::-1]}", headers)
                for answer in (present, absent):
                    answer.headers.pop("date", None)
                    answer.headers.pop("location", None)
                    answer.headers.pop("x-request-id", None)
                self.assertEqual(present, absent, (method, headers))

    @settings(max_examples=300, deadline=None)
    @given(
        st.sampled_from(METHODS[:6]),
        st.lists(
            st.sampled_from(
                [
                    "/",
                    NAME,
                    FOLDER,
                    "%2f",
                    "..",
                    ".",
                    "-",
                    "tree",
                    "api",
                    "%00",
                    "?",
                    "&",
                    "=",
                    "dir",
                    "name",
                    "%2e",
                    ";",
                ]
            ),
            max_size=8,
        ),
        st.sampled_from(HEADERS),
    )
    def test_made_up_paths(self, method: str, pieces: list[str], headers: dict[str, str]) -> None:
        """No path that can be put together from what is known gets through."""
        path = "/" + "".join(pieces)
        answer = self.ask(method, path, headers)
        self.check(answer, (method, path, headers), path)

    def test_open_to_the_owner(self) -> None:
        """The same storage is open to who has the token, so the rest of these tests mean something."""
        answer = self.house.ask("GET", f"/{NAME}", headers=bearer(SECRET))
        self.assertEqual((answer.status, answer.body), (200, CONTENT))
        self.assertIn(FOLDER.encode(), self.house.ask("GET", "/", headers=basic(SECRET)).body)
