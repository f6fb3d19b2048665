"""How the program will be started on a host: what no file and no host can say."""

from __future__ import annotations

from msgspec import Struct

from preflight.model.requirements import Bundle, Requirements


class Opener(Struct, frozen=True, kw_only=True):
    """The program that opens a library with dlopen(3), and where it lies on the host."""

    requirements: Requirements
    install_path: str | None = None
    in_place: bool = False  # it is the very file that lies there already


class Start(Struct, frozen=True, kw_only=True):
    """
    One start; None means that nobody said, and nothing is guessed then.

    *env* is the environment of the program, not that of the SSH session.
    """

    install_path: str | None = None  # absolute path of the program itself
    in_place: bool = False  # it is the very file that lies there already
    cwd: str | None = None
    env: tuple[tuple[str, str], ...] = ()
    run_as: str | None = None
    argv0: str | None = None
    secure: bool | None = None  # AT_SECURE: set-uid, file capabilities
    loaded_by: Opener | None = None  # of a library alone
    bundle: Bundle | None = None  # what is unpacked at *bundle_root* before the start
    bundle_root: str | None = None

    def variable(self, name: str) -> str | None:
        """Return the value of an environment variable, None where it is not set."""
        return dict(self.env).get(name)

    def tunable(self, name: str) -> str | None:
        """
        Return what GLIBC_TUNABLES last says of *name*, None where it says nothing.

        A secure start passes over all those that are asked for here.
        """
        settings = "" if self.secure else self.variable("GLIBC_TUNABLES") or ""
        pairs = (setting.partition("=") for setting in settings.split(":"))
        return {key: value for key, _, value in pairs}.get(name)
