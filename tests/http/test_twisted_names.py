"""The private names of twisted that streaming stands on: an update that changes one fails here, by name."""

import inspect

from twisted.internet.abstract import FileDescriptor
from twisted.internet.posixbase import _PollLikeMixin
from twisted.internet.tcp import Connection, Server
from twisted.internet.unix import Server as UnixServer
from twisted.protocols.basic import LineReceiver
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http import (
    HTTPChannel,
    Request,
    _ChunkedTransferDecoder,
    _IdentityTransferDecoder,
    _MalformedChunkedDataError,
)
from twisted.web.http_headers import Headers, InvalidHeaderName, _nameEncoder
from twisted.web.server import Request as ServerRequest


def names_in(function: object) -> frozenset[str]:
    """Give every name that the code of `function` mentions."""
    code = inspect.unwrap(function).__code__  # type: ignore[arg-type]
    return frozenset(code.co_names)


class TwistedNames(SynchronousTestCase):
    """Each rule names what in our code depends on it."""

    def test_channel_attributes(self) -> None:
        """`StreamingChannel` reads and sets these."""
        channel = HTTPChannel()
        for name in (
            "_handlingRequest",
            "_dataBuffer",
            "_receivedHeaderSize",
            "_receivedHeaderCount",
            "_requestProducer",
            "_waitingForTransport",
            "_send100Continue",
            "_respondToBadRequestAndDisconnect",
            "requests",
            "length",
            "persistent",
        ):
            self.assertTrue(hasattr(channel, name), name)

    def test_command_exists_while_a_head_or_body_is_read(self) -> None:
        """`_command`, `_path`, `_version` are set by the first line and deleted at the end of the content."""
        self.assertLessEqual({"_command", "_path", "_version"}, names_in(HTTPChannel.lineReceived))
        self.assertLessEqual({"_command", "_path", "_version"}, names_in(HTTPChannel.allContentReceived))
        self.assertNotIn("_command", vars(HTTPChannel))

    def test_network_producer(self) -> None:
        """`_networkProducer` is set when the connection is made, and pauses the socket."""
        self.assertIn("_networkProducer", names_in(HTTPChannel.connectionMade))
        self.assertIn("_networkProducer", names_in(HTTPChannel.requestDone))

    def test_order_at_the_end_of_the_headers(self) -> None:
        """`allHeadersReceived` runs first, then `allContentReceived` where `length` is 0."""
        source = inspect.getsource(HTTPChannel.lineReceived)
        self.assertLess(source.index("self.allHeadersReceived()"), source.index("self.length == 0"))
        self.assertLess(source.index("self.length == 0"), source.index("self.allContentReceived()"))

    def test_second_call_of_request_received(self) -> None:
        """`allContentReceived` calls the request's `requestReceived`, which we take as the end of the body."""
        self.assertIn("requestReceived", names_in(HTTPChannel.allContentReceived))

    def test_decoders(self) -> None:
        """Both decoders call `handleContentChunk` and then `_finishRequestBody`."""
        self.assertLessEqual(
            {"handleContentChunk", "_finishRequestBody"}, names_in(HTTPChannel._maybeChooseTransferDecoder)
        )
        for decoder in (_IdentityTransferDecoder, _ChunkedTransferDecoder):
            self.assertTrue(callable(decoder.dataReceived))

    def test_chunk_sizes(self) -> None:
        """`BoundedChunks` looks at `length` once `_dataReceived_CHUNK_LENGTH` has read it."""
        decoder = _ChunkedTransferDecoder(lambda data: None, lambda rest: None)
        decoder._buffer += b"1f\r\n"
        self.assertTrue(decoder._dataReceived_CHUNK_LENGTH())
        self.assertEqual(decoder.length, 31)
        self.assertTrue(issubclass(_MalformedChunkedDataError, Exception))
        self.assertIn("_MalformedChunkedDataError", names_in(HTTPChannel.rawDataReceived))
        self.assertIn("_transferDecoder", names_in(HTTPChannel.rawDataReceived))

    def test_clean_up_goes_through_one_method(self) -> None:
        """`finish` hands the connection on in `_cleanup`, through `requestDone`, and nowhere else."""
        self.assertIn("_cleanup", names_in(Request.finish))
        self.assertNotIn("requestDone", names_in(Request.finish))
        self.assertIn("requestDone", names_in(Request._cleanup))

    def test_without_content_file(self) -> None:
        """Only `gotLength` makes `content`, which we never call; all else of a request does without."""
        self.assertIsNone(ServerRequest.content)
        self.assertIn("gotLength", names_in(HTTPChannel.allHeadersReceived))
        for function in (Request.requestReceived, Request._cleanup, Request.connectionLost):
            self.assertIn("content", names_in(function))

    def test_request_received(self) -> None:
        """`requestReceived` and `process` set these, and so do ours."""
        self.assertLessEqual(
            {"method", "uri", "clientproto", "path", "args", "process"}, names_in(Request.requestReceived)
        )
        self.assertLessEqual(
            {"site", "setHeader", "prepath", "postpath", "getResourceFor", "render", "processingFailed"},
            names_in(ServerRequest.process),
        )

    def test_headers(self) -> None:
        """Headers are lists in `_rawHeaders`, by names that `_nameEncoder` spells; it refuses what is no token."""
        headers = Headers()
        headers.addRawHeader(b"x-some-thing", b"1")
        self.assertEqual(headers._rawHeaders, {b"X-Some-Thing": [b"1"]})
        self.assertEqual(_nameEncoder.encode(b"eTAG"), b"ETag")
        for name in (b"", b"a b", b"a ", b"a\0", b"\xe9", b"a:"):
            self.assertRaises(InvalidHeaderName, _nameEncoder.encode, name)
        self.assertLessEqual(
            {"_nameEncoder", "InvalidHeaderName", "strip", "translate", "addRawHeader", "_receivedHeaderCount"},
            names_in(HTTPChannel.headerReceived),
        )

    def test_disconnected(self) -> None:
        """`_disconnected` tells that nobody is there any more."""
        self.assertIn("_disconnected", names_in(Request.connectionLost))

    def test_transport_buffers(self) -> None:
        """`outflow` adds up `dataBuffer`, `offset` and `_tempDataLen`."""
        self.assertLessEqual({"dataBuffer", "offset", "_tempDataLen"}, names_in(FileDescriptor.doWrite))
        self.assertTrue(issubclass(Server, FileDescriptor))

    def test_reading(self) -> None:
        """`intake` is found by the reactor as the transport's own `doRead`, reads `socket`, and minds `TLS`."""
        self.assertIn("doRead", names_in(_PollLikeMixin._doReadOrWrite))
        self.assertIn("socket", names_in(Connection.doRead))
        self.assertIs(Server.doRead, Connection.doRead)
        self.assertIs(Connection.TLS, False)
        self.assertIn("doRead", names_in(Connection.abortConnection))

    def test_identity_decoder(self) -> None:
        """`contentLength` is what is still to come; at 0, even no bytes at all bring the end."""
        pieces: list[bytes] = []
        rest: list[bytes] = []
        decoder = _IdentityTransferDecoder(5, pieces.append, rest.append)
        decoder.dataReceived(b"ab")
        self.assertEqual(decoder.contentLength, 3)
        decoder.contentLength -= 3
        decoder.dataReceived(b"")
        self.assertEqual((pieces, rest), ([b"ab", b""], [b""]))

    def test_lent_transport(self) -> None:
        """`lent` stands in `doWrite`'s place, empties the buffer as it does, and knows the ways to a bare socket."""
        self.assertIn("doWrite", names_in(_PollLikeMixin._doReadOrWrite))
        self.assertLessEqual({"_tempDataBuffer", "writeSomeData", "stopWriting"}, names_in(FileDescriptor.doWrite))
        self.assertLessEqual({"producer", "producerPaused"}, names_in(FileDescriptor.doWrite))
        self.assertIs(Server.doWrite, FileDescriptor.doWrite)
        self.assertIs(Server.writeSomeData, Connection.writeSomeData)
        self.assertIs(UnixServer.doWrite, FileDescriptor.doWrite)
        self.assertFalse(Connection.TLS)

    def test_transport_protocol(self) -> None:
        """`firstbyte` puts another protocol in its place: whatever is read goes to the transport's `protocol`."""
        for function in (Connection._dataReceived, Connection.connectionLost, Connection.readConnectionLost):
            self.assertIn("protocol", names_in(function))

    def test_transport_of_tls(self) -> None:
        """`tlslane` makes a transport of another one's socket, writes from its buffers, and asks its producer.

        `firstbyte` puts an own `doRead` on a transport, and takes it away again (see `test_reading`).
        """
        self.assertEqual(
            list(inspect.signature(Server).parameters),
            ["sock", "protocol", "client", "server", "sessionno", "reactor"],
        )
        self.assertLessEqual({"client", "server", "sessionno"}, names_in(Server.__init__))
        self.assertLessEqual({"socket", "fileno", "protocol"}, names_in(Connection.__init__))
        self.assertLessEqual(
            {
                "_tempDataBuffer",
                "_tempDataLen",
                "producerPaused",
                "streamingProducer",
                "producer",
                "disconnecting",
            },
            names_in(FileDescriptor.doWrite),
        )
        self.assertLessEqual({"_tempDataBuffer", "_tempDataLen", "startWriting"}, names_in(FileDescriptor.write))
        self.assertIn("startWriting", names_in(FileDescriptor.unregisterProducer))
        self.assertLessEqual({"_aborting", "callLater"}, names_in(Server.abortConnection))
        self.assertIs(Server.TLS, False)

    def test_lines_of_a_head(self) -> None:
        """`lineReceived` hands each header to `headerReceived`, as the lane of heads does."""
        self.assertIn("headerReceived", names_in(HTTPChannel.lineReceived))
        self.assertLessEqual({"_buffer", "_busyReceiving", "line_mode"}, names_in(LineReceiver.dataReceived))

    def test_line_receiver(self) -> None:
        """Lines are bounded by `MAX_LENGTH`, and one that is longer goes to `lineLengthExceeded`."""
        self.assertEqual(LineReceiver.MAX_LENGTH, 16384)
        self.assertIn("lineLengthExceeded", names_in(LineReceiver.dataReceived))
