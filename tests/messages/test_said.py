"""Messages of real programs lead to the finding that a check gives for the same start."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builders.elf import build_elf
from tests.messages.first import first

pytestmark = pytest.mark.slow

NO_LOADER = "/lib/none.so.2"
STARTS = {
    "noint": "interpreter-missing",
    "foreign": "machine-mismatch",
    "noscript": "interpreter-missing",
    "noenv": "interpreter-missing",
    "crlf": "script-carriage-return",
    "nomode": "permission-denied",
}
SCRIPTS = {
    "noscript": "#!/nope/sh\n",
    "noenv": "#!/usr/bin/env nopython\n",
    "crlf": "#!/bin/sh\r\n",
}
# Who starts a program, and says so: the command before the program's path.
SHELLS = {
    "dash": ("dash", "-c", "{}; :"),
    "bash": ("bash", "-c", "{}; :"),
    "busybox": ("busybox", "sh", "-c", "{}; :"),
    "zsh": ("zsh", "-c", "{}; :"),
    "fish": ("fish", "-c", "{}"),
    "mksh": ("mksh", "-c", "{}; :"),
    "tcsh": ("tcsh", "-c", "{}"),
    "env": ("env", "{}"),
    "sudo": ("sudo", "{}"),
    "nohup": ("nohup", "{}"),
    "timeout": ("timeout", "9", "{}"),
    "xargs": ("xargs", "{}"),
    "perl": ("perl", "-e", "exec '{}' or die $!"),
    "ruby": ("ruby", "-e", "exec '{}'"),
    "python": (sys.executable, "-c", "import subprocess; subprocess.run(['{}'])"),
    "node": ("node", "-e", "require('child_process').spawn('{}')"),
    "go": ("./start", "{}"),
}
# They say strerror(3) of the errno, so that one of the ways to fail stands for all.
PLAIN = ("nohup", "timeout", "xargs", "perl", "ruby", "env", "node")
# Who tells of the carriage return without repeating it; others only say an errno.
TELLS_OF_THE_LINE_END = ("zsh", "fish")
LAUNCHER = (
    'package main\nimport ("fmt"; "os"; "os/exec")\n'
    "func main() { fmt.Println(exec.Command(os.Args[1]).Run()) }\n"
)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A directory with a program for each way to fail, all absolute and with no blanks."""
    directory = tmp_path_factory.mktemp("said")
    elf = {"noint": {"interpreter": NO_LOADER}, "foreign": {"machine": 22, "endian": "big"}}
    for name, fields in elf.items():
        (directory / name).write_bytes(build_elf(**fields))
    for name, text in SCRIPTS.items():
        (directory / name).write_bytes(text.encode())
    shutil.copy("/bin/true", directory / "nomode")
    for name in STARTS:
        (directory / name).chmod(0o644 if name == "nomode" else 0o755)
    (directory / "start.go").write_text(LAUNCHER)
    if shutil.which("go"):
        env = {**os.environ, "GO111MODULE": "off", "GOFLAGS": ""}
        build = ["go", "build", "-o", "start", "start.go"]
        subprocess.run(build, cwd=directory, env=env, check=True)
    return directory


def said(place: Path, shell: str, name: str) -> str:
    """Return what stands on the terminal when a program is started so."""
    command = [word.format(f"./{name}") for word in SHELLS[shell]]
    if not (shutil.which(command[0]) or (place / command[0]).exists()):
        pytest.skip(f"there is no {command[0]} here")
    done = subprocess.run(
        command, cwd=place, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=30
    )
    return (done.stdout + done.stderr).decode(errors="replace")


@pytest.mark.parametrize(
    ("shell", "name"),
    [(shell, name) for shell in SHELLS for name in STARTS if shell not in PLAIN or name == "noint"],
)
def test_what_is_said_means_what_a_check_finds(shell, name, place):
    """Whoever starts it, the message leads to the code; a bare errno to its likeliest cause."""
    text = said(place, shell, name)
    found = first(text)
    if shell == "node" and not text:
        pytest.skip("node started it, or a shell for it")

    assert found is not None, text
    code = STARTS[name]
    if name == "crlf" and "\r" not in text and shell not in TELLS_OF_THE_LINE_END:
        code = "interpreter-missing"
    assert found.code == code, text


def test_check_gives_these_codes_for_the_same_starts(place):
    """The very files are refused by a check of this machine; who installs them gives the x bit."""
    if sys.platform != "linux":
        pytest.skip("the programs are Linux ones")
    shipped = {name: code for name, code in STARTS.items() if name != "nomode"}
    command = [sys.executable, "-m", "preflight", "check", *shipped, "--local", "--format", "json"]
    done = subprocess.run(
        [*command, "--install-path", f"{place}/"], cwd=place, capture_output=True, check=False
    )
    verdicts = json.loads(done.stdout)["verdicts"]

    errors = {
        v["path"]: [f["code"] for f in v["findings"] if f["severity"] == "error"] for v in verdicts
    }
    assert errors == {name: [code] for name, code in shipped.items()}


def opened(*command: str) -> Callable[[Path], str]:
    """Return what a run-time says of a library that it opens."""

    def run(place: Path) -> str:
        if not shutil.which(command[0]):
            pytest.skip(f"there is no {command[0]} here")
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    return run


OPENED = {
    "node-invalid": (opened("node", "-e", "require('./bad.node')"), "library-unusable"),
    "ctypes-invalid": (
        opened(sys.executable, "-c", "import ctypes; ctypes.CDLL('./bad.node')"),
        "library-unusable",
    ),
    "ctypes-missing": (
        opened(sys.executable, "-c", "import ctypes; ctypes.CDLL('libnope.so')"),
        "library-missing",
    ),
    "import-invalid": (opened(sys.executable, "-c", "import badmodule"), "library-unusable"),
    "ruby-missing": (
        opened("ruby", "-e", "require 'fiddle'; Fiddle.dlopen('libnope.so')"),
        "library-missing",
    ),
}


@pytest.mark.parametrize("case", OPENED)
def test_what_a_run_time_says_of_a_library_is_known(case, place):
    """The loader's words stand in the error of the language that opened it."""
    run, code = OPENED[case]
    for name in ("bad.node", "badmodule.so"):
        (place / name).write_bytes(b"garbage ".ljust(4096, b"."))

    text = run(place)
    found = first(text)

    assert found is not None, text
    assert found.code == code


# As they were printed, by programs that a test cannot start.
RECORDED = {
    "exec /app: no such file or directory": "interpreter-missing",
    "exec /app: exec format error": "machine-mismatch",
    'docker: Error response from daemon: OCI runtime create failed: exec: "/app": permission denied'
    ": unknown.": "permission-denied",
    "app.service: Failed at step EXEC spawning /opt/app: Exec format error": "machine-mismatch",
    "Main process exited, code=exited, status=203/EXEC": "interpreter-missing",
    'Os { code: 2, kind: NotFound, message: "No such file or directory" }': "interpreter-missing",
    "\tlibssl.so.3 => not found": "library-missing",
    'Exception in thread "main" java.lang.UnsatisfiedLinkError: no foo in java.library.path: '
    "/usr/lib": "library-missing",
    "java.lang.UnsatisfiedLinkError: /tmp/libfoo.so: libbar.so.1: cannot open shared object file: "
    "No such file or directory": "library-missing",
    "java.lang.UnsatisfiedLinkError: /tmp/libfoo.so: /tmp/libfoo.so: cannot open shared object "
    "file: No such file or directory (Possible cause: can't load AARCH64 .so on a AMD 64 "
    "platform)": "library-unusable",
}


@pytest.mark.parametrize("message", RECORDED)
def test_recorded_messages_are_known(message):
    """Container engines, systemd, ldd, Rust and Java."""
    found = first(message)

    assert found is not None
    assert found.code == RECORDED[message]
