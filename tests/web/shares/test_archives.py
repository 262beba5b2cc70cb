"""Archives of shared folders, and how they count."""

import io
import zipfile

from twisted.python.failure import Failure

from tests.web.house import Answer
from tests.web.shares.scaffold import SharingCase
from tests.web.shares.test_counting import BOT

SIZE = 5_000_000


class Shared(SharingCase):
    def setUp(self) -> None:
        super().setUp()
        self.address = self.share("/shared")

    def names(self, answer: Answer) -> list[str]:
        self.assertEqual(answer.status, 200, answer.body)
        with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
            self.assertIsNone(archive.testzip())
            return archive.namelist()

    def test_folder(self) -> None:
        """The shared folder, a folder of it and entries of it can be had, and nothing that links lead to."""
        self.assertEqual(self.names(self.get(f"{self.address}/?archive=zip")), ["a.txt", "sub/", "sub/b.txt"])
        self.assertEqual(self.names(self.get(f"{self.address}/sub/?archive=zip")), ["b.txt"])
        self.assertEqual(self.names(self.get(f"{self.address}/?archive=zip&name=a.txt&name=peep")), ["a.txt"])
        answer = self.get(f"{self.address}/?archive=tar")
        self.assertIn('filename="shared.tar"', answer.headers["content-disposition"])
        for target in ("/out/?archive=zip", "/?archive=zip&name=out", "/?archive=zip&name=peep"):
            self.assertEqual(self.get(self.address + target).status, 404, target)
        answer = self.get(f"{self.address}?archive=zip")
        self.assertEqual((answer.status, answer.headers["location"]), (307, f"{self.address}/?archive=zip"))

    def test_upload_only(self) -> None:
        """An upload-only link shows nothing, in no form."""
        address = self.share("/shared", mode="upload")
        answer = self.get(f"{address}/?archive=zip", {"Accept": "application/json"})
        self.assertEqual(answer.json["mode"], "upload")

    def test_revoked(self) -> None:
        """Without the link there is no archive."""
        self.api("DELETE", f"/{self.id}")
        self.assertEqual(self.get(f"{self.address}/?archive=zip").status, 404)


class Counted(SharingCase):
    def setUp(self) -> None:
        super().setUp()
        self.house.put_file("shared/a.txt", b"x" * SIZE)
        self.house.put_file("shared/.empty", b"")
        self.address = self.share("/shared", max_downloads=1)

    @property
    def count(self) -> int:
        return int(self.told()["downloads"])

    def take(self, least: int) -> int:
        """Have an archive sent until at least so much has come, and leave; tells how much it was."""
        channel, wire = self.house.connect()
        channel.dataReceived(f"GET {self.address}/?archive=zip HTTP/1.0\r\nUser-Agent: curl\r\n\r\n".encode())
        wire.producer.pauseProducing()
        for _ in range(100):
            if len(wire.value()) < least:
                wire.producer.resumeProducing()
                wire.producer.pauseProducing()
                self.house.clock.advance(0)  # the turn is over, with nothing sent
        self.assertGreaterEqual(len(wire.value()), least)
        wire.producer.stopProducing()
        channel.connectionLost(Failure(ConnectionError()))
        self.house.settle()
        return len(wire.value())

    def test_whole(self) -> None:
        """An archive is one download, after which others find nothing and the same visit may go on."""
        agent = {"User-Agent": "a"}
        self.get(f"{self.address}/?archive=zip", agent)
        self.assertEqual(self.count, 1)
        self.assertEqual(self.get(f"{self.address}/?archive=zip", {"User-Agent": "b"}).status, 404)
        self.assertEqual(self.get(f"{self.address}/?archive=zip", agent).status, 200)
        self.assertEqual(self.count, 1)

    def test_empty(self) -> None:
        """One in which no file holds anything counts too, as an empty file does."""
        self.get(f"{self.address}/?archive=zip&name=.empty")
        self.assertEqual(self.count, 1)

    def test_burns_nothing(self) -> None:
        """HEAD, a robot's look, and what is refused burn nothing."""
        self.assertEqual(self.ask("HEAD", f"{self.address}/?archive=zip").status, 200)
        self.assertNotIn(b"xxx", self.get(f"{self.address}/?archive=zip", BOT).body)
        self.assertEqual(self.get(f"{self.address}/?archive=zip&name=gone").status, 404)
        self.assertEqual(self.count, 0)

    def test_left_early(self) -> None:
        """Whoever leaves before the first file has come to its end has taken no download yet."""
        self.assertLess(self.take(1), SIZE)
        self.assertEqual(self.count, 0)

    def test_left_late(self) -> None:
        """Whoever leaves with a file complete has taken one, though the archive isn't."""
        whole = len(self.get(f"{self.share('/shared')}/?archive=zip").body)
        self.address = self.share("/shared", max_downloads=1)
        self.house.put_file("shared/z", b"x" * SIZE)
        self.assertLess(self.take(whole), whole + SIZE)
        self.assertEqual(self.count, 1)

    def test_added_up(self) -> None:
        """What came of the first file counts together with what comes of it by its own address."""
        self.take(1)
        self.get(f"{self.address}/a.txt", {"User-Agent": "curl", "Range": "bytes=0-9"})
        self.assertEqual(self.count, 0)
        self.get(f"{self.address}/a.txt", {"User-Agent": "curl", "Range": "bytes=500000-"})
        self.assertEqual(self.count, 1)
