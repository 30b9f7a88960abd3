"""How property tests run: the same examples every time, so that a failure is somebody's change and not luck.

To look for new ones: HYPOTHESIS_PROFILE=explore make test TESTS=tests/vat
"""

from __future__ import annotations

import os

from hypothesis import settings

# No deadlines: how long one example takes says more about the machine than about the code.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))
