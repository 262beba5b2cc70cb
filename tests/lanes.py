"""Whether this run of the tests takes the fast lanes, as the server does by default.

`PEERSTOR_FAST_LANES=false` takes the ordinary ways everywhere: the variable is the server's own, and its processes
have it from here.
"""

import os

FAST_LANES = os.environ.get("PEERSTOR_FAST_LANES", "true") != "false"
