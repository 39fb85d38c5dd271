"""``python -m patentcl``: the command line."""

from __future__ import annotations

from patentcl.cli.app import main

if __name__ == "__main__":
    main()
