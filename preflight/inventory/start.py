"""How a program starts on a host: the command line over the inventory."""

from __future__ import annotations

from msgspec import structs

from preflight.errors import UsageError
from preflight.model.host import Host
from preflight.model.start import Start


def resolve_start(host: Host, *, binary_name: str, several: bool, override: Start) -> Start:
    """
    Return the start of one binary on *host*; what *override* says wins, variable by variable.

    The install path is a directory where it ends in ``/`` or where there are
    *several* binaries; *binary_name*, without directories, is added then.
    Raises `UsageError` for an install path that is not absolute.
    """
    inherited = host.start
    path = override.install_path or inherited.install_path
    return Start(
        install_path=path and _program(path, binary_name, several=several),
        cwd=override.cwd or inherited.cwd,
        env=tuple((dict(inherited.env) | dict(override.env)).items()),
        run_as=override.run_as or inherited.run_as,
        argv0=override.argv0 or inherited.argv0,
        secure=inherited.secure if override.secure is None else override.secure,
        loaded_by=override.loaded_by,
    )


def with_default(host: Host, default: Start) -> Host:
    """Return *host* with a start that is *default* where the inventory says nothing."""
    return structs.replace(host, start=over(default, host.start))


def over(default: Start, own: Start) -> Start:
    """Return *own*, and *default* where that says nothing."""
    return structs.replace(
        own,
        install_path=own.install_path or default.install_path,
        cwd=own.cwd or default.cwd,
        env=tuple((dict(default.env) | dict(own.env)).items()),
        run_as=own.run_as or default.run_as,
        argv0=own.argv0 or default.argv0,
        secure=default.secure if own.secure is None else own.secure,
    )


def _program(path: str, binary_name: str, *, several: bool) -> str:
    if not path.startswith("/"):
        raise UsageError(
            f"install path {path!r} is not absolute", "write the path on the host, from '/' on"
        )
    return f"{path.rstrip('/')}/{binary_name}" if several or path.endswith("/") else path
