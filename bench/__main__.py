"""All measurements, one after the other, or those that are named: ``python -m bench startup``."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path


def main() -> None:
    """Run the named modules of this folder, or all of them."""
    here = Path(__file__).parent
    known = sorted(path.stem for path in here.glob("*.py") if not path.stem.startswith("_"))
    names = sys.argv[1:] or known
    sys.argv[1:] = []
    for name in names:
        print(f"== {name}", flush=True)
        runpy.run_module(f"bench.{name}", run_name="__main__")


if __name__ == "__main__":
    main()
