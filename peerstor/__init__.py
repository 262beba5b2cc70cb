"""PeerStor: a folder of plain files as a shared place, over HTTP."""

__version__ = "0.1.0"
