"""How the program is started, and what of the application is judged beside it."""

from __future__ import annotations

from typing import TypedDict

from preflight.cli.options import option, several
from preflight.cli.options.values import user_name


class StartOptions(TypedDict):
    """The values of `start_options`."""

    install_path: str | None
    cwd: str | None
    environment: tuple[str, ...]
    run_as: str | None
    loaded_by: str | None


start_options = several(
    option(
        "--install-path",
        metavar="PATH",
        help="where the binary will lie on the hosts; a directory if it ends in '/'",
    ),
    option("--cwd", metavar="DIR", help="working directory of the program"),
    option(
        "--env",
        "environment",
        multiple=True,
        metavar="NAME=VALUE",
        help="environment of the program, such as LD_LIBRARY_PATH=/opt/lib",
    ),
    option("--run-as", callback=user_name, metavar="USER", help="user that starts the program"),
    option(
        "--loaded-by",
        metavar="PROGRAM[=PATH]",
        help="local program that opens the library, and its path on the hosts",
    ),
)

manifest_option = option(
    "--manifest",
    metavar="FILE|none",
    help="what the application needs besides its binary, instead of ./preflight.yaml",
)

waivers_option = option(
    "--waivers",
    multiple=True,
    metavar="FILE",
    help="findings that are accepted until a date, and do not count until then",
)
