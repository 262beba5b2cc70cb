"""Rules of reading the fields of RFC 9530."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerstor.http.digestfields import DigestFieldBroken, digest_members

# RFC 9530, appendix B.1.
EXAMPLE = b"sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"


class DigestFieldTests(SynchronousTestCase):
    def test_read(self) -> None:
        """Members are read by name, over all lines, with whatever parameters; anything but bytes is None."""
        value = bytes.fromhex("44aff4ab2d7c3250525675a08f0cfa9591168cffe51791c5f5bbc417c15a6c38")
        for lines, members in (
            ([], {}), ([b""], {}), ([EXAMPLE], {"sha-256": value}),
            ([b"  " + EXAMPLE + b" , md5=:AA==: "], {"sha-256": value, "md5": b"\0"}),
            ([b"md5=:AA==:", EXAMPLE], {"md5": b"\0", "sha-256": value}),
            ([b"sha-256=:AA==:, " + EXAMPLE], {"sha-256": value}),
            ([EXAMPLE + b";q=1"], {"sha-256": value}),
            ([b"sha-256=::"], {"sha-256": b""}),
            ([b"sha-256, a=1, b=x, c=\"y\", d=(:AA==:)"], dict.fromkeys(("sha-256", "a", "b", "c", "d"))),
        ):  # fmt: skip
            self.assertEqual(digest_members(lines), members, lines)

    def test_broken(self) -> None:
        """What is no such field is not half read: the good member doesn't count either."""
        for line in (
            b"sha-256=:A:", b"sha-256=:AA", b"sha-256=AA==", b"sha-256=:A A=:", b"sha-256=:AA==:,", b"SHA-256=:AA==:",
            b"sha-256=:AA==: x", b"=:AA==:", b"sha-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=", b"\xff", b"{}",
        ):  # fmt: skip
            for lines in ([line], [EXAMPLE, line]):
                with self.assertRaises(DigestFieldBroken):
                    digest_members(lines)

    @given(
        st.lists(st.binary(max_size=80) | st.text('sha-256=:AB, ;()"', max_size=40).map(str.encode), max_size=3)
    )
    def test_anything(self, lines: list[bytes]) -> None:
        """Whatever comes is read or refused."""
        with contextlib.suppress(DigestFieldBroken):
            self.assertIsInstance(digest_members(lines), dict)
