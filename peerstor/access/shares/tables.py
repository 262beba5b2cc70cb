"""The tables of share links. Everything here blocks, and raises what `Database` does."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import astuple, define, field, fields
from twisted.logger import Logger

from peerstor.access.database import Database
from peerstor.access.digests import SecretDigest
from peerstor.access.shares.share import TOLD, Delivery, Mode, Share
from peerstor.access.shares.visits import REMEMBERED
from peerstor.errors import BadRequest

SHARES = 10_000
"""Shares that there may be, those that have expired included."""

KEPT = 30 * 86400.0
"""Seconds for which one that has expired is still listed, so that it can be given more time."""

DELIVERIES = 1000
"""Deliveries that are remembered of one share; the oldest makes room."""

TRIMMED_EVERY = 10_000
"""Visits after which those go that nobody remembers any more: somebody may come as a thousand others a second."""

_LATEST = f"SELECT * FROM share_visits ORDER BY counted DESC LIMIT {REMEMBERED}"

_NUMBER, _MAYBE_COUNT = (int, float), (int, type(None))
_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "id": str, "parts": bytes, "folder": int, "maker": str, "made_by": str, "note": str,
    "created": _NUMBER, "expires": (*_NUMBER, type(None)), "password": (str, type(None)),
    "max_downloads": _MAYBE_COUNT, "max_bytes": _MAYBE_COUNT, "downloads": int, "bytes": int,
}  # fmt: skip
"""What each column holds; SQLite itself would let anything stand in any."""

_log = Logger()

_COLUMNS = ", ".join(column.name for column in fields(Share))


@define
class Counts:
    """What has been counted and isn't written yet.

    :ivar totals: from a share's id to its downloads and bytes.
    :ivar visits: share, visit and time of those that were counted.
    :ivar before: visits of before that time count anew, so they are forgotten.
    """

    totals: dict[str, tuple[int, int]] = field(factory=dict)
    visits: list[tuple[str, bytes, float]] = field(factory=list)
    before: float = 0.0

    def __bool__(self) -> bool:
        """Tell whether there is anything to write."""
        return bool(self.totals or self.visits)


class ShareBook:
    """Reads and writes share links."""

    def __init__(self, *, database: Database, digest: SecretDigest) -> None:
        """Know where they are kept.

        :param digest: made sure of with the first share: visits are told by digests.
        """
        self._database = database
        self._digest = digest
        self._broken: set[object] = set()
        self._since_trimmed = 0

    def read(self) -> tuple[list[Share], list[tuple[str, bytes, float]]]:
        """Read all shares, and the visits that were counted.

        A row that makes no sense is left out, and said once in the log: it must not keep anybody from reading the
        others, nor a token's end from being seen.
        """
        self._digest.load()
        shares = [self._read_one(row) for row in self._database.read(f"SELECT {_COLUMNS} FROM shares")]
        visits = self._database.read(f"SELECT share, visit, counted FROM ({_LATEST}) ORDER BY counted")
        good = [
            (share, visit, counted)
            for share, visit, counted in visits
            if isinstance(share, str) and isinstance(visit, bytes) and isinstance(counted, _NUMBER)
        ]
        return [share for share in shares if share is not None], good

    def _read_one(self, row: Sequence[Any]) -> Share | None:
        try:
            return _share(row)
        except (TypeError, ValueError) as error:
            if row[0] not in self._broken:
                self._broken.add(row[0])
                _log.warn(
                    "A share link ({share}...) in the access database makes no sense, and is left out: {error}",
                    share=str(row[0])[:TOLD],
                    error=str(error),
                )
            return None

    def add(self, share: Share, now: float) -> None:
        """Add a share; those that expired long ago go.

        :param now: seconds since the epoch.
        :raise BadRequest: there are as many as there may be.
        :raise StartupError: the key can't be read or made.
        """
        with self._database.transaction() as base:
            self._digest.ensure(base)
            old = [row[0] for row in base.execute("SELECT id FROM shares WHERE expires <= ?", (now - KEPT,))]
            for share_id in old:
                _forget(base, share_id)
            if base.execute("SELECT count(*) FROM shares").fetchone()[0] >= SHARES:
                raise BadRequest("There are {count} shares already; revoke some of them.", count=SHARES)
            marks = ", ".join("?" * len(fields(Share)))
            base.execute(f"INSERT INTO shares ({_COLUMNS}) VALUES ({marks})", _row(share))

    def change(self, share_id: str, changes: Mapping[str, object]) -> None:
        """Change columns of a share."""
        names = ", ".join(f"{name} = ?" for name in changes)
        with self._database.transaction() as base:
            base.execute(f"UPDATE shares SET {names} WHERE id = ?", (*changes.values(), share_id))

    def remove(self, share_id: str) -> None:
        """Remove a share and all that is known of it."""
        with self._database.transaction() as base:
            _forget(base, share_id)

    def count(self, counts: Counts) -> None:
        """Write what was counted."""
        with self._database.transaction() as base:
            base.executemany(
                "UPDATE shares SET downloads = ?, bytes = ? WHERE id = ?",
                [(downloads, size, share_id) for share_id, (downloads, size) in counts.totals.items()],
            )
            base.executemany("INSERT OR REPLACE INTO share_visits VALUES (?, ?, ?)", counts.visits)
            base.execute("DELETE FROM share_visits WHERE counted <= ?", (counts.before,))
            self._since_trimmed += len(counts.visits)
            if self._since_trimmed >= TRIMMED_EVERY:
                base.execute(
                    f"DELETE FROM share_visits WHERE (share, visit) NOT IN (SELECT share, visit FROM ({_LATEST}))"
                )
                self._since_trimmed = 0

    def deliver(self, share_id: str, delivery: Delivery) -> None:
        """Keep a delivery."""
        values = (delivery.at, delivery.address, delivery.sender, delivery.note)
        with self._database.transaction() as base:
            base.execute(
                "INSERT INTO deliveries (share, at, address, sender, note, files, count)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (share_id, *values, json.dumps(delivery.files), delivery.count),
            )
            base.execute(
                "DELETE FROM deliveries WHERE share = ? AND number NOT IN"
                " (SELECT number FROM deliveries WHERE share = ? ORDER BY number DESC LIMIT ?)",
                (share_id, share_id, DELIVERIES),
            )

    def deliveries(self, share_id: str) -> list[Delivery]:
        """Read the deliveries of a share, the last one first."""
        rows = self._database.read(
            "SELECT at, address, sender, note, files, count FROM deliveries WHERE share = ? ORDER BY number DESC",
            (share_id,),
        )
        return [
            Delivery(at, address, sender, note, tuple((name, size) for name, size in json.loads(files)), count)
            for at, address, sender, note, files, count in rows
        ]


def _forget(base: Any, share_id: str) -> None:
    for table, column in (("shares", "id"), ("share_visits", "share"), ("deliveries", "share")):
        base.execute(f"DELETE FROM {table} WHERE {column} = ?", (share_id,))


def _row(share: Share) -> tuple[object, ...]:
    values: dict[str, object] = dict(zip((one.name for one in fields(Share)), astuple(share), strict=True))
    values |= {"parts": b"/".join(share.parts), "folder": int(share.folder), "mode": share.mode.value}
    return tuple(values.values())


def _share(row: Sequence[Any]) -> Share:
    """Make a share of a row; raises TypeError or ValueError where it makes no sense."""
    values: dict[str, Any] = dict(zip((one.name for one in fields(Share)), row, strict=True))
    for name, kind in _KINDS.items():
        if not isinstance(values[name], kind):
            raise TypeError(f"{name} is of a wrong kind")
    parts = tuple(values["parts"].split(b"/")) if values["parts"] else ()
    values |= {"parts": parts, "folder": bool(values["folder"]), "mode": Mode(values["mode"])}
    return Share(**values)
