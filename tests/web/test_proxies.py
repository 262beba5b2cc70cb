"""A server behind a reverse proxy: whose words it believes, and below which path it stands."""

import json
import re
from html import unescape
from typing import Any
from urllib.parse import urljoin

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from peerstor.errors import StartupError
from peerstor.tap import Options
from tests.http.wire import Wire
from tests.web.house import Answer, House

PROXY = "192.0.2.7"
"""The address that a connection in memory comes from."""

HTML = {"Accept": "text/html"}
BOUNDARY = {"Content-Type": "multipart/form-data; boundary=b"}


def form(name: str) -> bytes:
    head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    return head.encode() + b"x\r\n--b--\r\n"


class ProxyCase(SynchronousTestCase):
    def house(self, **settings: Any) -> House:
        house = House(**settings)
        self.addCleanup(house.close)
        house.put_file("folder/file.txt", b"text")
        return house


class Forwarding(ProxyCase):
    """What a proxy tells of its client."""

    peer: Any = IPv4Address("TCP", PROXY, 4242)

    def seen(self, house: House, **headers: str) -> tuple[str, bool, bytes | None]:
        """Give the client's address, whether it came over TLS, and the host, as the root has them."""
        channel = house.site.buildProtocol(None)
        wire = Wire()
        wire.peerAddr = self.peer
        channel.makeConnection(wire)
        made: list[Any] = []
        channel.requestFactory = lambda *args, **kw: (
            made.append(type(channel).requestFactory(*args, **kw)) or made[-1]
        )
        fields = {"Host": "localhost", **{name.replace("_", "-"): value for name, value in headers.items()}}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        channel.dataReceived(f"GET / HTTP/1.1\r\n{lines}\r\n".encode())
        return made[0].remote, made[0].secure, made[0].authority

    def test_trusted(self) -> None:
        """From a trusted proxy, a request's address, scheme and host are those of the client."""
        house = self.house(trusted_proxy=(PROXY,))
        self.assertEqual(
            self.seen(
                house, X_Forwarded_For="198.51.100.9", X_Forwarded_Proto="https", X_Forwarded_Host="nas:8443"
            ),
            ("198.51.100.9", True, b"nas:8443"),
        )
        self.assertEqual(self.seen(house), (PROXY, False, b"localhost"))

    def test_untrusted(self) -> None:
        """From anybody else they are those of the connection."""
        for settings in ({}, {"trusted_proxy": ("198.51.100.0/24", "unix")}):
            seen = self.seen(
                self.house(**settings), Forwarded="for=198.51.100.9;proto=https;host=nas", X_Forwarded_Host="nas"
            )
            self.assertEqual(seen, (PROXY, False, b"localhost"))

    def test_unix_socket(self) -> None:
        """A proxy may come through a UNIX socket, which has no address."""
        for networks, expected in ((("unix",), "198.51.100.9"), ((PROXY,), "unix")):
            house = self.house(trusted_proxy=networks)
            self.peer = UNIXAddress(b"/run/peerstor.sock")
            self.assertEqual(self.seen(house, X_Forwarded_For="198.51.100.9")[0], expected)

    def test_forwarded_host(self) -> None:
        """A forwarded host has to be known like any other, and the proxy's own name needs not be."""
        house = self.house(trusted_proxy=(PROXY,), allow_host=("files.example",))
        for forwarded, host, status in (
            ("evil.example", "localhost", 421),
            ("files.example", "backend.example", 200),
            ("files.example/x", "localhost", 421),
        ):
            answer = house.get("/", Host=host, X_Forwarded_Host=forwarded)
            self.assertEqual(answer.status, status, forwarded)
        self.assertEqual(self.house().get("/", Host="evil.example", X_Forwarded_Host="localhost").status, 421)

    def test_cross_site(self) -> None:
        """Origin is held against the host and scheme that the client used, not those that the proxy did."""
        house = self.house(trusted_proxy=(PROXY,), allow_host=("files.example",))
        told = {"X-Forwarded-Host": "files.example", "X-Forwarded-Proto": "https", "Host": "127.0.0.1:8080"}
        for origin, status in (
            ("https://files.example", 201),
            ("https://files.example:443", 201),
            ("http://files.example", 403),
            ("http://127.0.0.1:8080", 403),
            ("https://evil.example", 403),
        ):
            answer = house.ask("POST", "/", form("f"), {**BOUNDARY, **told, "Origin": origin})
            self.assertEqual(answer.status, status, origin)

    def test_secure(self) -> None:
        """What belongs to TLS is told to those who came by TLS, and to nobody else."""
        house = self.house(trusted_proxy=(PROXY,), hsts="3600")
        secure = house.get("/", Accept="text/html", X_Forwarded_Proto="https").headers
        self.assertEqual(secure["strict-transport-security"], "max-age=3600")
        self.assertEqual(secure["cross-origin-opener-policy"], "same-origin")
        plain = house.get("/", Accept="text/html", X_Forwarded_Proto="http").headers
        self.assertNotIn("strict-transport-security", plain)
        self.assertNotIn("cross-origin-opener-policy", plain)

    def test_hsts_only_when_asked(self) -> None:
        """Nobody is bound to HTTPS unless the owner wants it; 0 takes it back."""
        for settings, expected in (({}, None), ({"hsts": "0"}, "max-age=0")):
            house = self.house(trusted_proxy=(PROXY,), **settings)
            for target in ("/", "/nothing", "/folder", "/folder/file.txt"):
                answer = house.get(target, X_Forwarded_Proto="https")
                self.assertEqual(answer.headers.get("strict-transport-security"), expected, target)

    def test_command_line(self) -> None:
        """Every proxy on the way is named, one by one."""
        options = Options()
        options.parseOptions(["--trusted-proxy", "127.0.0.1", "--trusted-proxy", "unix", "--base-path", "sub"])
        self.assertEqual(options.settings.trusted_proxy, ("127.0.0.1/32", "unix"))
        self.assertEqual(options.settings.base_path, "/sub")

    def test_hsts_values(self) -> None:
        """It is a whole number of seconds."""
        for value in ("-1", "1.5", "a year", ""):
            self.assertRaises(StartupError, self.house, hsts=value)


class BasePath(ProxyCase):
    """Everything stands below a path."""

    base = "/sub"

    def setUp(self) -> None:
        self.server = self.house(base_path=self.base, anonymous="full")

    def ask(self, method: str, target: str, body: bytes | None = None, **headers: str) -> Answer:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.server.ask(method, target, body, fields)

    def test_inside(self) -> None:
        """Each address is found below the base, and nowhere else."""
        for target in (
            "/folder/file.txt", "/folder/", "/-/tree/folder/file.txt", "/api/upload/offset?name=x", "/-/login", "/?sort=size",
        ):  # fmt: skip
            self.assertEqual(self.ask("GET", self.base + target).status, 200, target)
            self.assertEqual(self.ask("GET", target).status, 307 if target.startswith("/?") else 404, target)
        for target in (
            f"{self.base}x/",
            f"{self.base}x",
            f"/x{self.base}/",
            f"/{self.base}/",
            "/..",
            f"{self.base}/..",
            "/%",
        ):
            self.assertIn(self.ask("GET", target).status, (400, 404), target)

    def test_to_the_base(self) -> None:
        """The top of the host, and the base without its slash, lead to the base; the query goes along."""
        for target in ("/", self.base):
            answer = self.ask("GET", f"{target}?sort=size")
            self.assertEqual((answer.status, answer.headers["location"]), (307, f"{self.base}/?sort=size"))
            self.assertEqual(answer.headers["cache-control"], "no-store")
            self.assertEqual(self.ask("HEAD", target).status, 307)

    def test_host_comes_first(self) -> None:
        """A stranger's name learns nothing of the base."""
        answer = self.ask("GET", "/", Host="evil.example")
        self.assertEqual(answer.status, 421)
        self.assertNotIn("location", answer.headers)

    def test_options(self) -> None:
        """OPTIONS is answered inside, and for the server as a whole."""
        self.assertEqual(self.ask("OPTIONS", f"{self.base}/folder/").status, 204)
        self.assertEqual(self.ask("OPTIONS", "*").status, 204)
        self.assertEqual(self.ask("OPTIONS", "/folder/").status, 404)

    def test_redirects(self) -> None:
        """A folder without its slash, and a form, lead on below the base, on whatever host was asked."""
        answer = self.ask("GET", f"{self.base}/folder?x=1")
        self.assertEqual((answer.status, answer.headers["location"]), (307, f"{self.base}/folder/?x=1"))
        answer = self.ask(
            "POST",
            f"{self.base}/folder/",
            form("new"),
            Accept="text/html",
            **{"Content-Type": BOUNDARY["Content-Type"]},
        )
        self.assertEqual((answer.status, answer.headers["location"]), (303, f"{self.base}/folder/"))

    def test_what_scripts_are_told(self) -> None:
        """Every href and header with an address has the base, and leads to what it names."""
        for number in range(3):
            self.server.put_file(f"api/{number}")
        for folder in ("/", "/folder/", "/-/tree/api/"):
            listing = self.ask("GET", self.base + folder, Accept="application/json").json
            for entry in listing["entries"]:
                self.assertTrue(entry["href"].startswith(f"{self.base}/"), entry)
                self.assertEqual(self.ask("GET", entry["href"]).status, 200, entry)
            self.assertEqual(listing["path"], folder.replace("/-/tree", ""))
            lines = self.ask("GET", self.base + folder, Accept="text/plain").body.decode().split()
            self.assertEqual(lines, [entry["href"] for entry in listing["entries"]])
        link = self.ask("GET", f"{self.base}/-/tree/api/?limit=1", Accept="application/json").headers["link"]
        following = re.fullmatch(r'<([^>]+)>; rel="next"', link)
        assert following is not None and following[1].startswith(f"{self.base}/-/tree/api/?")
        self.assertEqual(self.ask("GET", following[1]).status, 200)

    def test_writing(self) -> None:
        """PUT, the upload API and a form tell where a file stands now."""
        put = self.ask("PUT", f"{self.base}/new", b"1")
        self.assertEqual((put.status, put.headers["location"]), (201, f"{self.base}/new"))
        self.ask("POST", f"{self.base}/api/upload/chunk?name=up&offset=0", b"22")
        done = self.ask("POST", f"{self.base}/api/upload/complete?name=up&size=2", b"").json
        self.assertEqual((done["path"], done["href"]), ("/up", f"{self.base}/up"))
        sent = self.ask("POST", f"{self.base}/", form("f"), **{"Content-Type": BOUNDARY["Content-Type"]}).json[
            "files"
        ][0]
        self.assertEqual((sent["path"], sent["href"]), ("/f", f"{self.base}/f"))
        self.assertEqual(self.ask("DELETE", f"{self.base}/f").status, 204)

    def test_pages(self) -> None:
        """Every address on every page leads below the base, and is there."""
        self.server.put_file("api/x")
        seen: set[str] = set()
        posted: set[str] = set()  # to where forms are sent, and which may have a page as well
        waiting = [f"{self.base}/", f"{self.base}/nothing", f"{self.base}/-/login"]
        while waiting:
            target = waiting.pop()
            seen.add(target)
            answer = self.ask("GET", target, Accept="text/html")
            usual = {200, 405} if target in posted else {200}
            self.assertIn(answer.status, {404} if target.endswith("/nothing") else usual, target)
            if answer.headers["content-type"].startswith("text/html"):
                text = unescape(answer.body.decode())
                forms = re.findall(r'<form[^>]* method="post"[^>]* action="([^"#]+)"', text)
                posted |= {urljoin(target, address) for address in forms}
                addresses = re.findall(r'(?:href|src|action)="([^"#]+)"', text)
                waiting += [
                    found
                    for address in addresses
                    if (found := urljoin(target, address)) not in seen | set(waiting)
                ]
        self.assertTrue(all(address.startswith(f"{self.base}/") for address in seen), seen)
        self.assertGreater(len(seen), 10)

    def test_scripts(self) -> None:
        """No script of a page names an address from the top of the host."""
        page = self.ask("GET", f"{self.base}/", Accept="text/html").body.decode()
        first = re.findall(r'src="([^"]+/)page\.js"', page)[0]
        for name in ("page.js", "calls.js", "unfinished.js", "upload.js", "listing.js", "memory.js"):
            source = self.ask("GET", first + name).body.decode()
            self.assertIsNone(re.search(r'["\'`]/(api|-)/', source), name)

    def test_folder_for_scripts(self) -> None:
        """The page names its folder to the upload API by its path in the tree, which has no base."""
        self.server.put_file("api/x y/z")
        page = self.ask("GET", f"{self.base}/-/tree/api/x%20y/", Accept="text/html").body.decode()
        self.assertIn('data-folder="/api/x%20y/"', page)


class DeepBasePath(BasePath):
    """The same below two segments, one of which has to be encoded."""

    base = "/a/f%C3%BCr"

    def test_other_spellings(self) -> None:
        """The base is known however a client or a proxy spells it."""
        for base in ("/a/f%c3%bcr", "/%61/f%C3%BCr"):
            self.assertEqual(self.ask("GET", f"{base}/folder/file.txt").body, b"text")
            self.assertEqual(self.ask("GET", f"{base}/api/upload/offset?name=x").status, 200)


class ClosedBasePath(ProxyCase):
    """Signing in below a base path."""

    def test_way_to_sign_in(self) -> None:
        """Whoever has to sign in is sent to the page below the base, and back to where they were going."""
        house = self.house(base_path="/sub", token="correct horse battery")
        asked = house.get("/sub/folder/?sort=size", **HTML)
        self.assertEqual((asked.status, asked.headers["location"][:21]), (303, "/sub/-/login?next=/sub"[:21]))
        fields = b"token=correct+horse+battery&next=/sub/folder/%3Fsort=size"
        answer = house.ask(
            "POST", "/sub/-/login", fields, {"Content-Type": "application/x-www-form-urlencoded", **HTML}
        )
        self.assertEqual((answer.status, answer.headers["location"]), (303, "/sub/folder/?sort=size"))
        cookie = answer.headers["set-cookie"]
        self.assertIn("path=/sub", cookie.lower())
        inside = house.ask("GET", "/sub/folder/", headers={"Cookie": cookie.partition(";")[0], **HTML})
        self.assertEqual(inside.status, 200)
        self.assertIn(b'action="/sub/-/logout"', inside.body)

    def test_form_of_somebody_signed_out(self) -> None:
        """So is whoever sends a form after the session has ended."""
        house = self.house(base_path="/sub", token="correct horse battery")
        asked = house.ask("POST", "/sub/folder/", form("x"), {**BOUNDARY, **HTML})
        self.assertEqual((asked.status, asked.headers["location"]), (303, "/sub/-/login?next=/sub/folder/"))
        self.assertEqual(house.get(asked.headers["location"], **HTML).status, 200)

    def test_errors(self) -> None:
        """Errors of the API are JSON below the base too."""
        house = self.house(base_path="/sub")
        answer = house.get("/sub/api/nothing", **HTML)
        self.assertEqual((answer.status, json.loads(answer.body)["error"]), (404, "not_found"))
