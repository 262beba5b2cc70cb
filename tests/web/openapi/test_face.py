"""The description of the API as it is served."""

import json

from twisted.trial.unittest import SynchronousTestCase

from peerstor import __version__
from peerstor.web.openapi.document import API
from tests.web.house import House

WHERE = "/api/openapi.json"


class Served(SynchronousTestCase):
    def house(self, **settings: str) -> House:
        house = House(**settings)
        self.addCleanup(house.close)
        return house

    def test_for_everybody(self) -> None:
        """Whoever asks gets it, token or not: it tells nothing of what is stored."""
        for house in (self.house(), self.house(token="the owner's secret"), self.house(anonymous="none")):
            answer = house.get(WHERE)
            self.assertEqual((answer.status, answer.headers["content-type"]), (200, "application/json"))
            told = json.loads(answer.body)
            self.assertEqual((told["openapi"][:3], told["info"]["version"]), ("3.1", API))
            self.assertNotIn(__version__.encode(), answer.body.replace(told["openapi"].encode(), b""))
            self.assertEqual(house.ask("HEAD", WHERE).headers["content-length"], str(len(answer.body)))

    def test_still_the_same(self) -> None:
        """Whoever has it isn't sent it again."""
        house = self.house()
        tag = house.get(WHERE).headers["etag"]
        again = house.ask("GET", WHERE, headers={"If-None-Match": tag})
        self.assertEqual((again.status, again.body), (304, b""))
        self.assertEqual(house.ask("GET", WHERE, headers={"If-None-Match": '"x"'}).status, 200)
        self.assertEqual(house.ask("GET", WHERE, headers={"If-Match": '"x"'}).status, 412)

    def test_this_server(self) -> None:
        """It tells below which path this server's addresses lie, and whether one needs a token here."""
        open_house, closed = self.house(base_path="/files"), self.house(token="the owner's secret")
        told = json.loads(open_house.get(f"/files{WHERE}").body)
        self.assertEqual(told["servers"], [{"url": "/files"}])
        self.assertIn({}, told["paths"]["/"]["get"]["security"])
        self.assertNotIn({}, json.loads(closed.get(WHERE).body)["paths"]["/"]["get"]["security"])
