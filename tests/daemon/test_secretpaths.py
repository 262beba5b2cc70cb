"""Addresses as logs may tell them."""

from twisted.trial.unittest import SynchronousTestCase

from peerstor.daemon.secretpaths import without_ids

ID = b"Abcdefgh-_0123456789xy"


class Cutting(SynchronousTestCase):
    def test_ids(self) -> None:
        """Of an id only the beginning is told, wherever it stands in an address; nothing else is cut."""
        for before in (
            b"/-/s/",
            b"/sub/path/-/s/",
            b"/-/shares/",
            b"/api/shares/",
            b"/-/unlock/",
            b"/%2d/s/",
            b"http://host:8080/-/s/",
        ):
            for behind in (b"", b"/", b"/folder/name.txt", b"?sort=size", b"/upload/offset?name=x"):
                self.assertEqual(without_ids(before + ID + behind), before + b"Abcdefgh..." + behind)

    def test_misspelled(self) -> None:
        """An address that is joined or written wrongly leads nowhere, and its id is right all the same."""
        for before in (
            b"/-//s/",
            b"/-/s//",
            b"/-/./s/",
            b"/-/s/./",
            b"/-/S/",
            b"/-/%73/",
            b"/-/s;x/",
            b"/API//Shares/",
        ):
            self.assertEqual(without_ids(before + ID + b"/x"), before + b"Abcdefgh.../x")

    def test_others(self) -> None:
        """Other addresses stay as they are."""
        for address in (
            b"/",
            b"/-/shares",
            b"/-/shares?path=/x",
            b"/s/" + ID,
            b"/folder/-s/" + ID,
            b"/-/static/" + ID + b"/page.js",
        ):
            self.assertEqual(without_ids(address), address)
