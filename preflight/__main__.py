"""``python -m preflight``, and where the command ``preflight`` begins."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line; Ctrl-C while it is still being imported ends it quietly, too."""
    try:
        from preflight.cli import main as run  # noqa: PLC0415

        run()
    except KeyboardInterrupt:
        sys.exit(130)  # Exit.INTERRUPTED, which may not be there yet


if __name__ == "__main__":
    main()
