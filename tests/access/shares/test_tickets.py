"""Tickets to shares."""

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from peerstor.access.shares.tickets import LASTS, Tickets
from tests.access.shares.scaffold import ShareCase, share


class Showing(ShareCase):
    def setUp(self) -> None:
        super().setUp()
        self.share = self.add(password="$argon2id$one")
        self.tickets = Tickets(digest=self.keys.digest, wall=lambda: self.now)

    def test_good(self) -> None:
        """A ticket is good for its share, in letters that a cookie may hold, and each is another visit."""
        one, two = (self.tickets.make(self.share) for _ in range(2))
        for ticket in (one, two):
            self.assertRegex(ticket, r"\A[A-Za-z0-9._-]+\Z")
            self.assertTrue(self.tickets.is_good(self.share, ticket.encode()))
        self.assertNotEqual(self.tickets.visit_with(one.encode()), self.tickets.visit_with(two.encode()))

    def test_ends(self) -> None:
        """It ends with the password that it was given for, is none for another share, and gets too old."""
        ticket = self.tickets.make(self.share).encode()
        for other in (
            evolve(self.share, password="$argon2id$two"), evolve(self.share, password=None), share(password="$argon2id$one")
        ):  # fmt: skip
            self.assertFalse(self.tickets.is_good(other, ticket))
        self.now += LASTS - 1
        self.assertTrue(self.tickets.is_good(self.share, ticket))
        self.now += 1
        self.assertFalse(self.tickets.is_good(self.share, ticket))

    def test_forged(self) -> None:
        """Whatever isn't one is none."""
        ticket = self.tickets.make(self.share).encode()
        time, nonce, seal = ticket.split(b".")
        for other in (
            b"",
            b".",
            b"..",
            ticket[:-1],
            b"0" + ticket,
            b"\xff" + ticket,
            b".".join((b"ffffffff", nonce, seal)),
            b".".join((time, b"x", seal)),
        ):
            self.assertFalse(self.tickets.is_good(self.share, other), other)

        @given(st.binary(max_size=100))
        def anything(text: bytes) -> None:
            self.assertFalse(self.tickets.is_good(self.share, text))

        anything()

    def test_visits(self) -> None:
        """Without a ticket a visit is an address and a program, which can't be read from it."""
        visits = {
            self.tickets.visit_from(address, agent)
            for address in ("10.0.0.1", "10.0.0.2") for agent in (b"curl/8", b"\xff", b"")
        }  # fmt: skip
        self.assertEqual(len(visits), 6)
        self.assertEqual(self.tickets.visit_from("10.0.0.1", b"x"), self.tickets.visit_from("10.0.0.1", b"x"))
        self.assertEqual({len(visit) for visit in visits}, {16})
