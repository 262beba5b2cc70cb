"""Which files are shown, and by what means."""

from twisted.trial.unittest import SynchronousTestCase

from peerstor.http.media import active, media_type
from peerstor.web.viewing.kinds import Kind, kind_of, looks_like_text

KINDS = {
    Kind.IMAGE: "a.png b.JPG c.jpeg d.gif e.webp f.svg g.avif h.bmp i.ico",
    Kind.VIDEO: "a.mp4 b.webm c.ogv d.mov",
    Kind.AUDIO: "a.mp3 b.wav c.flac d.ogg e.opus f.m4a g.aac",
    Kind.PDF: "a.pdf A.PDF",
    Kind.TEXT: "a.txt b.py c.html d.xml e.json f.css g.js h.sh i.yml j.toml k.csv l.c m.log n.ini o.sql Makefile README",
    Kind.MARKDOWN: "a.md B.MARKDOWN README.md",
    Kind.UNKNOWN: "a.unheardof noending a.rs",
    Kind.OTHER: "a.zip b.tar.gz c.docx d.iso e.mkv f.tif g.svgz h.heic",
}


class Kinds(SynchronousTestCase):
    def test_by_name(self) -> None:
        """What browsers show is shown; what they don't is offered to download."""
        for kind, names in KINDS.items():
            for name in names.split():
                self.assertIs(kind_of(name.encode()), kind, name)

    def test_frames(self) -> None:
        """What is put into a frame is never what a browser would run as a page."""
        for name in (b"a.pdf", b"x.html.pdf", b".pdf.pdf"):
            self.assertIs(kind_of(name), Kind.PDF)
            self.assertEqual(media_type(name), "application/pdf")
            self.assertFalse(active(media_type(name)))
        for name in (b".pdf", b"pdf", b"a.pdf.html", b"a.pdf "):
            self.assertIsNot(kind_of(name), Kind.PDF, name)

    def test_text(self) -> None:
        """What looks like text is UTF-8 without the control characters that text never has."""
        for content in (b"", b"plain\r\n\ttext\x0c", "ümlaut 😀".encode(), b"\x1b[1mlog\x1b[0m"):
            self.assertTrue(looks_like_text(content), content)
        for content in (b"\0", b"a\0b", b"\xff\xfe", b"\x7fELF\x01", b"\x89PNG", b"abc\xc3"):
            self.assertFalse(looks_like_text(content), content)
