"""`python -m erclab` is the command line `erclab`."""

from erclab.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
