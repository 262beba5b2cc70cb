"""Decisions about rights, against a model that knows nothing clever."""

from __future__ import annotations

from functools import reduce

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerstor.access.rights import EVERY, Grant, Principal, Right, single

NAMES = st.sampled_from([b"a", b"b", b"ab", b"", b"..", b"\xff"])
PATHS = st.lists(NAMES, max_size=4).map(tuple)
ONE_RIGHT = st.sampled_from(list(Right))
RIGHTS = st.sets(ONE_RIGHT, max_size=5).map(lambda rights: reduce(Right.__or__, rights, Right.NONE))
GRANTS = st.lists(st.builds(Grant, PATHS, RIGHTS), max_size=5).map(tuple)


def expected_floor(grants: tuple[Grant, ...], right: Right, parts: tuple[bytes, ...]) -> int | None:
    """Try every way up from the path to the root, and each grant there; the last that is found is the widest."""
    floor = None
    for length in range(len(parts), -1, -1):
        for grant in grants:
            here = list(grant.parts) == list(parts)[:length] and len(grant.parts) == length
            if here and all(each in grant.rights for each in Right if each & right):
                floor = length
    return floor


class Single(SynchronousTestCase):
    @given(RIGHTS)
    def test_all_of_them(self, rights: Right) -> None:
        """The single rights of several are those, each once and in order."""
        self.assertEqual(single(rights), tuple(each for each in Right if each & rights))


class Decisions(SynchronousTestCase):
    @given(GRANTS, RIGHTS, PATHS)
    def test_as_the_model(self, grants: tuple[Grant, ...], right: Right, parts: tuple[bytes, ...]) -> None:
        """A right holds for a path where one grant at it or above it has it; its floor is the highest such."""
        principal, floor = Principal("p", grants), expected_floor(grants, right, parts)
        self.assertEqual(principal.floor(right, parts), floor)
        self.assertEqual(principal.may(right, parts), floor is not None)
        self.assertEqual(principal.may(right, list(parts)), floor is not None)

    @given(GRANTS, RIGHTS, PATHS)
    def test_somewhere(self, grants: tuple[Grant, ...], right: Right, parts: tuple[bytes, ...]) -> None:
        """A right holds somewhere where it holds at the path of a grant, and nowhere else where it doesn't."""
        principal = Principal("p", grants)
        somewhere = any(principal.may(right, grant.parts) for grant in grants)
        self.assertEqual(principal.may_somewhere(right), somewhere)
        self.assertLessEqual(principal.may(right, parts), somewhere)

    @given(GRANTS, RIGHTS, PATHS, NAMES)
    def test_downwards(
        self, grants: tuple[Grant, ...], right: Right, parts: tuple[bytes, ...], name: bytes
    ) -> None:
        """What holds for a folder holds for all in it, through the same floor or a wider one; never the other way."""
        principal = Principal("p", grants)
        floor = principal.floor(right, parts)
        if floor is not None:
            self.assertEqual(principal.floor(right, (*parts, name)), floor)
            self.assertLessEqual(floor, len(parts))

    @given(GRANTS, st.builds(Grant, PATHS, RIGHTS), RIGHTS, PATHS)
    def test_more_grants(
        self, grants: tuple[Grant, ...], more: Grant, right: Right, parts: tuple[bytes, ...]
    ) -> None:
        """A further grant takes nothing away, and gives nothing outside of its path."""
        before, after = Principal("p", grants).may(right, parts), Principal("p", (*grants, more)).may(right, parts)
        self.assertLessEqual(before, after)
        if after and not before:
            self.assertTrue(more.covers(parts))

    @given(RIGHTS, PATHS)
    def test_nobody(self, right: Right, parts: tuple[bytes, ...]) -> None:
        """Whoever has no grant may nothing at all, nowhere."""
        self.assertFalse(Principal("p", ()).may(right, parts))
        self.assertFalse(Principal("p", (), signed_in=True).may_somewhere(right))

    @given(st.builds(Grant, PATHS, RIGHTS), PATHS)
    def test_covers(self, grant: Grant, parts: tuple[bytes, ...]) -> None:
        """A grant covers its own path and all below it: names are compared whole, not by how they begin."""
        below = [tuple(parts[:length]) for length in range(len(parts) + 1)]
        self.assertEqual(grant.covers(parts), grant.parts in below)

    def test_all_together(self) -> None:
        """Several rights asked for at once have to come from one grant."""
        split = Principal("p", (Grant((b"a",), Right.READ), Grant((b"a",), Right.CREATE)))
        self.assertFalse(split.may(Right.READ | Right.CREATE, (b"a",)))
        self.assertTrue(Principal("p", (Grant((), EVERY),)).may(EVERY, (b"a", b"b")))
