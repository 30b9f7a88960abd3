"""`python -m remit.warden --state DIRECTORY`."""

from __future__ import annotations

import sys

from remit.warden._warden import main

if __name__ == "__main__":
    sys.exit(main())
