"""Whether this run of the tests takes the fast lanes, as the server does by default.

`TEST_FAST_LANES=false` takes the ordinary ways everywhere but in the tests of the lanes themselves.
"""

import os

FAST_LANES = os.environ.get("TEST_FAST_LANES", "true") != "false"
