"""Links to entries, and back."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerstor.tree.paths import TreePath
from peerstor.web.links import link_to, tree_part

NAMES = st.one_of(
    st.sampled_from([b"api", b"-", b"-x", b"apix", b"%", b"a b", b"?", b"#", b"\xff", b"tree"]),
    st.binary(min_size=1, max_size=20).filter(
        lambda n: b"/" not in n and b"\0" not in n and n not in (b".", b"..")
    ),
)


class Links(SynchronousTestCase):
    @given(st.lists(NAMES, max_size=4), st.booleans())
    def test_round_trip(self, parts: list[bytes], slash: bool) -> None:
        """The link to any entry leads back to it, and never to an address of ours."""
        path = TreePath(tuple(parts), slash=slash or not parts)
        part = tree_part(link_to(path).encode())
        assert part is not None
        self.assertEqual(TreePath.from_url(part), path)

    def test_own_addresses(self) -> None:
        """What begins with a segment of ours belongs to no tree, but for the prefix under which it stands again."""
        for raw in (b"/api", b"/api/", b"/api/x", b"/-", b"/-/", b"/-/static/x", b"/-/tree", b"/-/treex"):
            self.assertIsNone(tree_part(raw), raw)
        for raw, part in ((b"/", b"/"), (b"/apix", b"/apix"), (b"/-x", b"/-x"), (b"/-/tree/api", b"/api")):
            self.assertEqual(tree_part(raw), part)
