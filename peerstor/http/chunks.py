"""The chunked coding, with a bound on what a chunk may say of its size."""

from twisted.web.http import _ChunkedTransferDecoder, _MalformedChunkedDataError

LARGEST = 2**63 - 1
"""Bytes of one chunk. Whatever counts in 64 bits reads a larger size as another one, and takes a part of the chunk
for the next request."""


class BoundedChunks(_ChunkedTransferDecoder):
    """Decodes a body, and refuses a size that no other reader could count."""

    def _dataReceived_CHUNK_LENGTH(self) -> bool:
        known = super()._dataReceived_CHUNK_LENGTH()
        if known and self.length > LARGEST:
            raise _MalformedChunkedDataError("The chunk is too large.")
        return known
