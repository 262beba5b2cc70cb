"""What this server has counted, in the words of Prometheus."""

import platform
from collections.abc import Iterator, Mapping
from itertools import accumulate

from attrs import frozen
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

import twisted
from peerstor import __version__
from peerstor.daemon.loopdelay import BOUNDS, LoopDelay
from peerstor.uploads.counts import UploadCounts
from peerstor.web.counts import WebCounts
from peerstor.web.freespace import Room


@frozen(eq=False)
class Figures(Collector):
    """All figures at one moment; they are read when they are asked for, and none is kept here.

    :param connections: that are open.
    :param received, sent: bytes of content.
    :param rooms: of the disks, by what they hold; None for one that doesn't answer.
    """

    web: WebCounts
    uploads: UploadCounts
    delay: LoopDelay
    connections: int
    received: int
    sent: int
    rooms: Mapping[str, Room | None]

    def text(self) -> bytes:
        """Write them, and those of the process, in the text format 0.0.4."""
        # One of our own: the library's global one has whatever any module of the process puts there.
        registry = CollectorRegistry()
        registry.register(self)
        ProcessCollector(registry=registry)
        return generate_latest(registry)

    def describe(self) -> list[Metric]:
        """Name nothing in advance: nobody else's figures are in the registry but those of the process."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Give them one after the other."""
        yield self._build()
        yield from self._requests()
        yield from self._transfers()
        yield self._uploads()
        yield self._loop()
        yield from self._disks()

    def _build(self) -> Metric:
        info = GaugeMetricFamily(
            "peerstor_build_info", "Which PeerStor this is; always 1.", labels=("version", "python", "twisted")
        )
        info.add_metric((__version__, platform.python_version(), twisted.__version__), 1)
        return info

    def _requests(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "peerstor_requests",
            "Requests that ended. 499: the client left before the answer began.",
            labels=("route", "method", "status"),
        )
        for (route, method, status), count in sorted(self.web.requests.items()):
            requests.add_metric((route, method, str(status)), count)
        yield requests
        errors = CounterMetricFamily("peerstor_errors", "Answers of 500 and above.", labels=("code",))
        for code, count in sorted(self.web.errors.items()):
            errors.add_metric((code,), count)
        yield errors

    def _transfers(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("peerstor_connections", "Connections that are open.", self.connections)
        transfers = GaugeMetricFamily("peerstor_transfers", "Files under way.", labels=("direction",))
        transfers.add_metric(("up",), self.uploads.receiving)
        transfers.add_metric(("down",), self.web.sending)
        yield transfers
        yield GaugeMetricFamily("peerstor_event_streams", "Clients that listen for changes.", self.web.streams)
        coded = CounterMetricFamily(
            "peerstor_compressed_files", "Larger files sent compressed, from the cache or not.", labels=("cache",)
        )
        coded.add_metric(("hit",), self.web.coded_again)
        coded.add_metric(("miss",), self.web.coded_anew)
        yield coded
        yield CounterMetricFamily("peerstor_received_bytes", "Bytes of the content of requests.", self.received)
        yield CounterMetricFamily("peerstor_sent_bytes", "Bytes of the content of answers.", self.sent)

    def _uploads(self) -> Metric:
        uploads = CounterMetricFamily("peerstor_uploads", "What has become of uploads.", labels=("event",))
        for event in ("begun", "resumed", "finished", "failed", "abandoned", "expired"):
            uploads.add_metric((event,), getattr(self.uploads, event))
        return uploads

    def _loop(self) -> Metric:
        bounds = [*map(str, BOUNDS), "+Inf"]
        return HistogramMetricFamily(
            "peerstor_event_loop_delay_seconds",
            "How late the event loop was, asked twice a second.",
            buckets=[*zip(bounds, accumulate(self.delay.classes), strict=True)],
            sum_value=self.delay.total,
        )

    def _disks(self) -> Iterator[Metric]:
        answers = GaugeMetricFamily(
            "peerstor_disk_answers", "Whether the disk told its room within two seconds.", labels=("folder",)
        )
        size = GaugeMetricFamily("peerstor_disk_size_bytes", "Size of the file system.", labels=("folder",))
        free = GaugeMetricFamily("peerstor_disk_free_bytes", "What may still be written.", labels=("folder",))
        for folder, room in self.rooms.items():
            answers.add_metric((folder,), room is not None)
            if room is not None:
                size.add_metric((folder,), room.size)
                free.add_metric((folder,), room.free)
        yield from (answers, size, free)
