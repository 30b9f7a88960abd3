"""`python -m remit.cli`, the same as `remit`."""

from remit.cli import main

main()
