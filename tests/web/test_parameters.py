"""Reading a query."""

from twisted.trial.unittest import SynchronousTestCase

from tests.web.house import House


class Query(SynchronousTestCase):
    def setUp(self) -> None:
        self.house = House()
        self.addCleanup(self.house.close)

    def stored_as(self, query: str) -> str:
        """Upload a byte, and tell the path that it got."""
        self.assertEqual(self.house.ask("POST", f"/api/upload/chunk?{query}&offset=0", b"x").status, 200, query)
        return str(self.house.ask("POST", f"/api/upload/complete?{query}&size=1").json["path"])

    def test_semicolon(self) -> None:
        """A semicolon separates nothing: it belongs to the value (WHATWG URL, section 5.1)."""
        self.assertEqual(self.stored_as("name=a;b=c.txt"), "/a;b=c.txt")
        self.assertEqual(self.house.get("/?limit=1;sort=size").status, 400)

    def test_number_of_parameters(self) -> None:
        """What counts as one parameter is one: a thousand semicolons make no more of them."""
        self.assertEqual(self.stored_as("name=" + "a;" * 100), "/" + "a;" * 100)

    def test_spelling(self) -> None:
        """A plus is a blank, an escape is decoded once, in names and values; a stray percent sign stands for itself."""
        self.assertEqual(self.stored_as("n%61me=a+b%2Bc%2541%zz"), "/a b+c%41%zz")

    def test_doubled(self) -> None:
        """A parameter that stands there twice, however it is spelled, is refused."""
        for query in ("name=a&name=b", "name=a&n%61me=b", "name=a&name="):
            self.assertEqual(self.house.get(f"/api/upload/offset?{query}").status, 400, query)
