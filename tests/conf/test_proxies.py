"""What conf/ hands out for reverse proxies; nginx, Caddy and Apache are run in tests/integration."""

import re
from collections.abc import Iterator
from typing import Any

import yaml
from twisted.trial.unittest import SynchronousTestCase

from peerstor.config.names import NAMED
from peerstor.settings import Settings
from peerstor.tap import CONFIG, Options
from tests.conf.written import CONF

SAMPLES = ("nginx.conf", "Caddyfile", "apache.conf", "traefik.yml", "traefik-peerstor.yml")

_STATIC = """
entryPoints.*.address
entryPoints.*.http.redirections.entryPoint.to
entryPoints.*.http.redirections.entryPoint.scheme
entryPoints.*.http.tls.certResolver
entryPoints.*.transport.respondingTimeouts.readTimeout
entryPoints.*.transport.respondingTimeouts.writeTimeout
certificatesResolvers.*.acme.email
certificatesResolvers.*.acme.storage
certificatesResolvers.*.acme.tlsChallenge
providers.file.filename
"""

_DYNAMIC = """
http.routers.*.entryPoints
http.routers.*.rule
http.routers.*.middlewares
http.routers.*.service
http.middlewares.*.headers.customRequestHeaders.*
http.services.*.loadBalancer.passHostHeader
http.services.*.loadBalancer.serversTransport
http.services.*.loadBalancer.servers
http.serversTransports.*.forwardingTimeouts.dialTimeout
http.serversTransports.*.forwardingTimeouts.responseHeaderTimeout
http.serversTransports.*.forwardingTimeouts.idleConnTimeout
"""
"""The keys that the sample may have, as Traefik 3's reference of its configuration files spells them."""


class OptionTests(SynchronousTestCase):
    def test_options(self) -> None:
        """Every option that a sample tells to start PeerStor with is one, and all of them go together."""
        known = {named.option.name for named in NAMED} | {CONFIG.name}
        for sample in SAMPLES:
            text = (CONF / sample).read_text(encoding="utf-8")
            self.assertEqual(set(re.findall(r"(?<![\w-])--([a-z][a-z-]+)", text)) - known, set(), sample)
            self.assertIn("--trusted-proxy 127.0.0.1", text + (CONF / "traefik.yml").read_text(), sample)

    def test_start(self) -> None:
        """The lines that tell how to start PeerStor are taken as they stand."""
        for sample in ("nginx.conf", "Caddyfile", "apache.conf", "traefik.yml"):
            lines = re.findall(r"^#   (--.*)$", (CONF / sample).read_text(encoding="utf-8"), re.MULTILINE)
            self.assertTrue(lines, sample)
            options = Options()
            options.environ = {}
            options.parseOptions(" ".join(lines).split())
            self.assertIsInstance(options.settings, Settings)
            self.assertEqual(options.settings.allow_host, ("files.example.org",), sample)


class TraefikTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.static = yaml.safe_load((CONF / "traefik.yml").read_text(encoding="utf-8"))
        self.dynamic = yaml.safe_load((CONF / "traefik-peerstor.yml").read_text(encoding="utf-8"))

    def test_keys(self) -> None:
        """Every key is one that Traefik's reference has at that place; it refuses to start with any other."""
        for found, documented in ((self.static, _STATIC), (self.dynamic, _DYNAMIC)):
            patterns = [re.escape(key).replace(r"\*", "[^.]+") for key in documented.split()]
            for key in _keys(found):
                self.assertTrue(any(re.fullmatch(pattern, key) for pattern in patterns), key)

    def test_references(self) -> None:
        """What one part names, another defines."""
        http, points = self.dynamic["http"], self.static["entryPoints"]
        (router,) = http["routers"].values()
        (service,) = http["services"].values()
        self.assertLessEqual(set(router["entryPoints"]), set(points))
        self.assertLessEqual(set(router["middlewares"]), set(http["middlewares"]))
        self.assertIn(router["service"], http["services"])
        self.assertIn(service["loadBalancer"]["serversTransport"], http["serversTransports"])
        self.assertEqual(service["loadBalancer"]["servers"], [{"url": "http://127.0.0.1:8080"}])
        self.assertIn(points["web"]["http"]["redirections"]["entryPoint"]["to"], points)
        self.assertIn(points["websecure"]["http"]["tls"]["certResolver"], self.static["certificatesResolvers"])
        self.assertTrue(self.static["providers"]["file"]["filename"].endswith("/traefik-peerstor.yml"))

    def test_what_it_is_for(self) -> None:
        """Uploads have hours, bodies aren't kept, and what a client says of itself goes."""
        timeouts = self.static["entryPoints"]["websecure"]["transport"]["respondingTimeouts"]
        self.assertRegex(timeouts["readTimeout"], r"^[0-9]+h$")
        self.assertNotIn("forwardedHeaders", self.static["entryPoints"]["websecure"])
        (middleware,) = self.dynamic["http"]["middlewares"].values()
        self.assertEqual(middleware, {"headers": {"customRequestHeaders": {"Forwarded": "", "X-Request-ID": ""}}})

    def test_sub_path(self) -> None:
        """The rule for a path is one, put in place of the other."""
        text = (CONF / "traefik-peerstor.yml").read_text(encoding="utf-8")
        changed = yaml.safe_load(re.sub(r"(?m)^      rule:.*\n", "", text).replace("#rule:", "rule:"))
        self.assertIn("PathPrefix(`/files/`)", changed["http"]["routers"]["peerstor"]["rule"])


def _keys(value: Any, above: str = "") -> Iterator[str]:
    """Give the path of every leaf."""
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from _keys(below, f"{above}.{key}" if above else key)
    else:
        yield above
