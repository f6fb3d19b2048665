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
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

import click

from preflight import __version__
from preflight.cli import defaults
from preflight.cli.exits import Exit
from preflight.cli.settings import mistyped
from preflight.cli.voice import complain, warn
from preflight.errors import PreflightError

_COMMANDS = {
    "check": "say for every host whether binaries will start there",
    "inspect": "show what binaries need; no network",
    "probe": "collect facts of hosts for later",
    "baseline": "say what all hosts have, for a build to stand on",
    "audit": "say what hosts are, who stands alone, and what changed",
    "report": "show reports again, several as one; no network",
    "hosts": "show the hosts of an inventory; no network",
    "explain": "say what a finding or an error message means, and how to mend it",
    "cache": "show the library store, or make it smaller",
    "schema": "print the JSON Schema of reports or facts",
    "completion": "print what bash, zsh or fish need to complete what you type",
}
COMPLETION = "_PREFLIGHT_COMPLETE"  # set by the shell functions that click makes


class Terminated(BaseException):
    """SIGTERM or SIGHUP: ends the run like Ctrl-C does, with the exit *status* of its own."""

    def __init__(self, status: Exit) -> None:
        super().__init__(status)
        self.status = status


class _Commands(click.Group):
    """Imports a command's file when it is asked for; lists them without importing any."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = _command(cmd_name)
        if not ctx.resilient_parsing:
            if any(map(os.path.isfile, defaults.FILES)):
                defaults.install(ctx, cmd_name, _every_command())
            for name, near in mistyped(os.environ, command, _every_command):
                warn(f"{name} is no setting", f"did you mean {near}?")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


def _command(name: str) -> click.Command:
    command: click.Command = importlib.import_module(f"preflight.cli.{name}").command
    return command


def _every_command() -> dict[str, click.Command]:
    return {name: _command(name) for name in _COMMANDS}


@click.command(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Try it on this machine: preflight check --local /bin/ls",
)
@click.version_option(__version__, message="preflight %(version)s")
def cli() -> None:
    """Will this binary start on every host, and if not, what exactly is missing?"""


def main() -> NoReturn:
    """Run the command line and exit with the contract's status."""
    signal.signal(signal.SIGTERM, _terminate)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as nohup has it
        signal.signal(signal.SIGHUP, _terminate)
    _open_closed_streams()
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run the command line; return the exit status, with every exception turned into one."""
    try:
        status = _invoke(arguments)
        sys.stdout.flush()
    except PreflightError as error:
        complain(error.message, error.hint)
        return Exit.USAGE
    except click.ClickException as error:
        return _usage(error)
    except Terminated as end:
        return end.status
    except (KeyboardInterrupt, click.Abort):
        return Exit.INTERRUPTED
    except BrokenPipeError:  # the reader of our output has seen enough
        _discard_output()
        return Exit.BROKEN_PIPE
    except OSError as error:
        return _unwritable(error)
    except Exception as error:  # noqa: BLE001 - the contract's own status for our own faults
        return _broken(error)
    return status


def _invoke(arguments: Sequence[str]) -> int:
    """Run the command as click's own `main` does, which would take EPIPE for status 1."""
    if COMPLETION in os.environ:
        cli.main(list(arguments), prog_name="preflight", complete_var=COMPLETION)
    try:
        with cli.make_context("preflight", list(arguments)) as context:
            return int(cli.invoke(context) or Exit.DEPLOYABLE)
    except click.exceptions.Exit as done:
        return done.exit_code


def _terminate(signum: int, frame: FrameType | None) -> None:
    del frame
    raise Terminated(Exit.HUNG_UP if signum == signal.SIGHUP else Exit.TERMINATED)


def _open_closed_streams() -> None:
    """
    Give standard streams that the caller closed a place, before a connection takes theirs.

    What is written to such a standard output fails, as it would without us.
    """
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            place = os.open(os.devnull, os.O_WRONLY if name == "stderr" else os.O_RDONLY)
            setattr(sys, name, os.fdopen(place, "r" if name == "stdin" else "w"))


def _usage(error: click.ClickException) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return Exit.USAGE
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context and isinstance(error, click.BadParameter):
        error.param_hint = _variable(context, error.param)
    message = error.format_message().rstrip(".")
    hint = f"{context.command_path} --help" if context else None
    if hint and isinstance(error, click.NoSuchOption) and not error.option_name.startswith("--"):
        hint += "; what begins with '-' and is no option stands behind --"
    complain(message[:1].lower() + message[1:], hint)
    return Exit.USAGE


def _variable(context: click.Context, param: click.Parameter | None) -> str | None:
    """Return the environment variable or the file that gave *param* its value, None for others."""
    if param is None or param.name is None:
        return None
    source = context.get_parameter_source(param.name)
    if source == click.core.ParameterSource.DEFAULT_MAP:
        return f"{param.opts[-1].lstrip('-')} in {defaults.file()}"
    return str(param.envvar) if source == click.core.ParameterSource.ENVIRONMENT else None


def _unwritable(error: OSError) -> int:
    from preflight.cli.output import unwritable  # noqa: PLC0415

    _discard_output()
    complain(unwritable(error))
    return Exit.BROKEN


def _discard_output() -> None:
    """Let what still waits to be written go nowhere, when Python flushes it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _broken(error: Exception) -> int:
    if os.environ.get("PREFLIGHT_TRACEBACK"):
        import traceback  # noqa: PLC0415

        traceback.print_exception(error)
    complain(
        f"preflight itself broke: {type(error).__name__}: {error}",
        "please report this; PREFLIGHT_TRACEBACK=1 shows where it happened",
    )
    return Exit.BROKEN
