"""How a program starts on a host: the command line over the inventory."""

import pytest

from preflight.errors import UsageError
from preflight.inventory import resolve_start
from preflight.model.host import Host
from preflight.model.start import Start


def resolved(inherited, override, *, several=False):
    """Return the start of the binary "app"."""
    host = Host(name="a", start=inherited)
    return resolve_start(host, binary_name="app", several=several, override=override)


def test_command_line_wins_key_by_key():
    """What the command line does not say stays as the inventory has it."""
    inherited = Start(
        install_path="/a",
        cwd="/c",
        env=(("A", "1"), ("B", "1")),
        run_as="r",
        argv0="x",
        secure=True,
    )
    override = Start(install_path="/b", env=(("B", "2"), ("C", "2")), secure=False)

    start = resolved(inherited, override)

    assert start == Start(
        install_path="/b",
        cwd="/c",
        env=(("A", "1"), ("B", "2"), ("C", "2")),
        run_as="r",
        argv0="x",
        secure=False,
    )


def test_nothing_said_is_nothing_guessed():
    """Without a word from either, every key stays open."""
    assert resolved(Start(), Start()) == Start()
    assert resolved(Start(secure=True), Start()).secure is True


@pytest.mark.parametrize(
    ("path", "several", "program"),
    [
        ("/opt/bin", False, "/opt/bin"),
        ("/opt/bin/", False, "/opt/bin/app"),
        ("/opt/bin", True, "/opt/bin/app"),
        ("/opt/bin/", True, "/opt/bin/app"),
        ("/", False, "/app"),
    ],
)
@pytest.mark.parametrize("side", ["inventory", "command line"])
def test_install_directory_takes_the_binary(path, several, program, side):
    """A path that ends in a slash, or is for several binaries, is a directory."""
    said = Start(install_path=path)
    inherited, override = (said, Start()) if side == "inventory" else (Start(), said)

    assert resolved(inherited, override, several=several).install_path == program


def test_relative_install_path_is_refused():
    """A path relative to nothing on the host is the caller's mistake."""
    with pytest.raises(UsageError, match="'bin/app' is not absolute"):
        resolved(Start(), Start(install_path="bin/app"))
