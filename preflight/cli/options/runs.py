"""Earlier runs: what is asked again, and what is kept for that."""

from __future__ import annotations

from typing import TypedDict

from preflight.cli.options import option, several


class RunOptions(TypedDict):
    """The values of `run_options`."""

    resume: str | None
    rerun: str | None
    no_run_file: bool


run_options = several(
    option(
        "--resume",
        metavar="RUN",
        help="ask only hosts that RUN (an id, a file, 'last') has no result of",
    ),
    option(
        "--rerun",
        metavar="WHICH[=RUN]",
        help="ask only hosts that were 'failed' or 'unreachable' in RUN, or in the last run",
    ),
    option("--no-run-file", is_flag=True, help="keep no record of the run, as --resume needs"),
)
