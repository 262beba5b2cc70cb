"""Makes `twistd peerstor` known. Nothing of PeerStor is imported until it is chosen."""

from twisted.application.service import ServiceMaker

PeerStor = ServiceMaker(
    "PeerStor",
    "peerstor.tap",
    "Share a folder of plain files: list, download, and upload with resume.",
    "peerstor",
)
