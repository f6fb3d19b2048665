"""
The commands: the only place that prints, exits and reads the environment.

One file a command, imported when it is called.  The report goes to standard
output; errors, hints, progress and warnings go to standard error, as
``preflight: error: …`` and ``preflight: hint: …``, lower case, no full stop.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from types import FrameType
from typing import Any, NoReturn

import click

from preflight import __version__
from preflight.cli.exits import Exit
from preflight.cli.voice import complain
from preflight.errors import PreflightError

_COMMANDS = {
    "check": "say for every host whether binaries will start there",
    "inspect": "show what binaries need; no network",
    "probe": "collect facts of hosts for later",
    "hosts": "show the hosts of an inventory; no network",
    "explain": "say what a finding means and how to mend it",
    "schema": "print the JSON Schema of reports or facts",
}


class Terminated(KeyboardInterrupt):
    """SIGTERM: ends the run like Ctrl-C does, with another exit status."""


class _Commands(click.Group):
    """Imports a command's file when it is asked for; lists them without importing any."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"preflight.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.command(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Try it on this machine: preflight check --local /bin/ls",
)
@click.version_option(__version__, message="preflight %(version)s")
def cli() -> None:
    """Will this binary start on every host, and if not, what exactly is missing?"""


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit with the contract's status."""
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status, with every exception turned into one."""
    try:
        result: Any = cli.main(arguments, prog_name="preflight", standalone_mode=False)
    except PreflightError as error:
        complain(error.message, error.hint)
        return Exit.USAGE
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.ClickException as error:
        return _usage(error)
    except Terminated:
        return Exit.TERMINATED
    except (KeyboardInterrupt, click.Abort):
        return Exit.INTERRUPTED
    except BrokenPipeError:
        return _broken_pipe()
    except Exception as error:  # noqa: BLE001 - the contract's own status for our own faults
        return _broken(error)
    return int(result or 0)


def _terminate(signum: int, frame: FrameType | None) -> None:
    del signum, frame
    raise Terminated


def _usage(error: click.ClickException) -> int:
    hint = None
    context = getattr(error, "ctx", None)
    if context is not None:
        hint = f"{context.command_path} --help"
    message = error.format_message().rstrip(".")
    complain(message[:1].lower() + message[1:], hint)
    return Exit.USAGE


def _broken_pipe() -> int:
    """Leave quietly: the reader of our output has seen enough."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return Exit.BROKEN_PIPE


def _broken(error: Exception) -> int:
    if os.environ.get("PREFLIGHT_TRACEBACK"):
        import traceback  # noqa: PLC0415

        traceback.print_exception(error)
    complain(
        f"preflight itself broke: {type(error).__name__}: {error}",
        "please report this; PREFLIGHT_TRACEBACK=1 shows where it happened",
    )
    return Exit.BROKEN
