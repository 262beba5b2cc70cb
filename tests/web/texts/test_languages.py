"""Which language somebody understands best."""

from hypothesis import given
from hypothesis.strategies import binary, lists, sampled_from
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from peerstor.web.texts.languages import LOOKED_AT, wanted_language

OFFERED = ("en", "de", "fr")


def wanted(*accepted: str | bytes) -> str:
    lines = [line.encode("latin-1") if isinstance(line, str) else line for line in accepted]
    return wanted_language(Headers({b"Accept-Language": lines} if lines else {}), OFFERED)


class Wanted(SynchronousTestCase):
    def test_wanted(self) -> None:
        """The best of those that there are; a region falls back to its language; English is for all others."""
        for accepted, chosen in (
            ("de", "de"),
            ("de-DE", "de"),
            ("DE-at", "de"),
            ("de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7", "de"),
            ("de-AT, en;q=0.5", "de"),
            ("en-GB, de;q=0.9", "en"),
            ("de;q=0.4, fr;q=0.8, en;q=0.2", "fr"),
            ("en;q=0.5, de;q=1.", "de"),
            ("es, it;q=0.9", "en"),
            ("es, de;q=0.1", "de"),
            ("es, *;q=0.5", "en"),
            ("en;q=0, *", "de"),
            ("en;q=0, de;q=0, *;q=0.1", "fr"),
            ("de;q=0", "en"),
            ("de;q=0, de-AT", "en"),
            ("den, dex-DE", "en"),
            ("*", "en"),
            ("", "en"),
            (";;;q=x,,", "en"),
            ("de;q=nan", "en"),
        ):
            with self.subTest(accepted=accepted):
                self.assertEqual(wanted(accepted), chosen)

    def test_lines(self) -> None:
        """Several lines of the header are one list; none is no wish."""
        self.assertEqual((wanted("en;q=0.3", "de;q=0.4"), wanted()), ("de", "en"))

    def test_long(self) -> None:
        """What stands far behind doesn't count: nobody understands that many languages."""
        self.assertEqual(wanted("xx," * LOOKED_AT + "de"), "en")
        self.assertEqual(wanted("de," + "xx," * 5000), "de")

    @given(
        lists(
            sampled_from([b"de", b"en", b"*", b"-", b";q=", b"0.5", b"1", b",", b" ", b'"', b"=", b"\xff"]),
            max_size=40,
        )
    )
    def test_garbage(self, pieces: list[bytes]) -> None:
        """Whatever is sent, it is one of those offered."""
        self.assertIn(wanted(b"".join(pieces)), OFFERED)

    @given(binary(max_size=1000))
    def test_bytes(self, sent: bytes) -> None:
        """As above, with any bytes that a header can have."""
        self.assertIn(wanted(sent.translate(None, b"\r\n\0")), OFFERED)
