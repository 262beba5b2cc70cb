"""Which media type a client wants."""

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from peerstor.web.negotiation import wanted_type

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


class Wanted(SynchronousTestCase):
    def test_wanted(self) -> None:
        """What is named wins, then what is covered; whoever has no preference gets the first."""
        offered = ("text/html", "application/json", "text/plain")
        for accept, chosen in (
            (None, "text/html"),
            ("*/*", "text/html"),
            (BROWSER, "text/html"),
            ("application/json", "application/json"),
            ("application/json, */*", "application/json"),
            ("text/plain;q=0.5, application/json;q=0.4", "text/plain"),
            ("text/*;q=0.1, application/json;q=0.2", "application/json"),
            ("text/html;q=0, */*", "application/json"),
            ("text/*;q=0., */*", "application/json"),
            ("text/html ; q=1., application/json", "text/html"),
            ("image/png", "text/html"),
            ("garbage;;;q=x", "text/html"),
        ):
            headers = Headers({} if accept is None else {"Accept": [accept]})
            with self.subTest(accept=accept):
                self.assertEqual(wanted_type(headers, offered), chosen)
