"""From a pasted message to the finding that it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preflight.judge import judge
from preflight.messages import explain
from preflight.model.codes import CODES
from tests.judge.test_codes import SCENES
from tests.messages.first import first

# Lines as their programs print them; more of the loaders' come from the judge, below.
SAID = {
    "./app: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.32' not found (required by ./app)": (
        "version-missing",
        "GLIBC_2.32",
    ),
    "Error: /usr/lib/libstdc++.so.6: version 'GLIBCXX_3.4.29' not found (required by /a/b.node)": (
        "version-missing",
        "GLIBCXX_3.4.29",
    ),
    "ImportError: libGL.so.1: cannot open shared object file: No such file or directory": (
        "library-missing",
        "libGL.so.1",
    ),
    "ImportError: /a/x.cpython-311-x86_64-linux-gnu.so: undefined symbol: PyExc_Foo": (
        "symbol-missing",
        "PyExc_Foo",
    ),
    "[12] Error loading Python lib '/tmp/_MEIx/libpython3.11.so.1.0': dlopen: "
    "/tmp/_MEIx/libpython3.11.so.1.0: failed to map segment from shared object": (
        "mount-noexec",
        "/tmp",
    ),
    "bash: ./app: cannot execute binary file: Exec format error": ("machine-mismatch", "machine"),
    "exec /app: exec format error": ("machine-mismatch", "machine"),
    "bash: line 1: ./app: cannot execute: required file not found": ("interpreter-missing", ""),
    "bash: ./run: /bin/zsh: bad interpreter: No such file or directory": (
        "interpreter-missing",
        "/bin/zsh",
    ),
    "bash: ./run: /bin/sh^M: bad interpreter: No such file or directory": (
        "script-carriage-return",
        "",
    ),
    "/usr/bin/env: \u2018python3\u2019: No such file or directory": (
        "interpreter-missing",
        "python3",
    ),
    "env: can't execute 'python3': No such file or directory": ("interpreter-missing", "python3"),
    "sh: 1: ./app: not found": ("interpreter-missing", ""),
    "exec /app: no such file or directory": ("interpreter-missing", ""),
    "fish: Unknown command: ./app: No such file or directory": ("interpreter-missing", ""),
    "app.service: Main process exited, code=exited, status=203/EXEC": ("interpreter-missing", ""),
    "-bash: ./app: cannot execute: required file not found": ("interpreter-missing", ""),
    "/a/b.so: cannot allocate memory in static TLS block": ("library-unusable", "/a/b.so"),
    "./app: relocation error: ./app: symbol f version V_2 not defined in file liba.so with link "
    "time reference": ("symbol-missing", "V_2"),
    "/a/liba.so: unexpected reloc type 0x7f": ("relocation-unsupported", "0x7f"),
    "The file specified the interpreter '/lib/ld-musl-x86_64.so.1', which is not an executable "
    "command.": ("interpreter-missing", "/lib/ld-musl-x86_64.so.1"),
    "exec: Failed to execute process: './app' the file could not be run by the operating system.": (
        "machine-mismatch",
        "",
    ),
    "fish: Unknown command. './app' exists but is not an executable file.": (
        "permission-denied",
        "",
    ),
    './app: 1: Syntax error: "(" unexpected': ("machine-mismatch", ""),
    "[PYI-7:ERROR] Failed to load Python shared library '/tmp/_MEIx/libpython3.11.so.1.0'": (
        "payload-not-judged",
        "PyInstaller",
    ),
    "zsh: permission denied: ./app": ("permission-denied", "noexec"),
    "Illegal instruction (core dumped)": ("cpu-level-too-low", ""),
    "This program can only run on ARM64 processors with LSE support.": ("cpu-level-too-low", ""),
    "This program can only be run on processors with MMX support.": ("cpu-level-too-low", ""),
    "runtime: this CPU has no VFPv3 floating point hardware, so it cannot run": (
        "cpu-level-too-low",
        "",
    ),
    "This program can only be run on AMD64 processors with v3 microarchitecture support.": (
        "cpu-level-too-low",
        "GOAMD64=v3",
    ),
    "app.exe - Application Error: (0xc0000135)": (None, "DLL"),
    "OSError: [WinError 193] %1 is not a valid Win32 application": (None, "Windows"),
    "ImportError: DLL load failed: The specified module could not be found.": (None, "DLL"),
    "zsh: bad CPU type in executable: ./app": (None, "macOS"),
    "dyld[7]: Library not loaded: @rpath/libfoo.dylib": (None, "@rpath/libfoo.dylib"),
    "dyld[7]: Symbol not found: _foo": (None, "_foo"),
    "The code execution cannot proceed because VCRUNTIME140.dll was not found.": (None, "DLL"),
    "process exited with code 3221225781": (None, "DLL"),
    "rosetta error: failed to open elf at /lib64/ld-linux-x86-64.so.2": (None, "/lib64/ld-linux"),
    "java.lang.UnsupportedClassVersionError: Foo has been compiled by a more recent version of the "
    "Java Runtime (class file version 61.0)": (None, "61"),
    "./a: error while loading shared libraries: libx.so: cannot enable executable stack as shared "
    "object requires: Invalid argument": ("library-unusable", "libx.so asks"),
    "./a: error while loading shared libraries: /x.so: ELF load command address/offset not "
    "page-aligned": ("library-unusable", "page-aligned"),
    "version `CXXABI_1.3.13' not found": ("version-missing", "CXXABI_1.3.13"),
    "ERROR: ld.so: object 'libx.so' from LD_PRELOAD cannot be preloaded (cannot open shared object "
    "file): ignored.": ("library-missing", "LD_PRELOAD"),
    "cannot allocate memory in static TLS block": ("library-unusable", "thread-local"),
    "[1]    7 illegal hardware instruction  ./app": ("cpu-level-too-low", ""),
    "app[7] trap invalid opcode ip:401000 sp:7ffd": ("cpu-level-too-low", ""),
    "/lib/ld-musl-x86_64.so.1: ./app: Not a valid dynamic program": ("machine-mismatch", "./app"),
    "nginx: command not found": ("requirement-command", "PATH"),
    "sh: 1: app: not found": ("requirement-command", "PATH"),
    "zsh: command not found: app": ("requirement-command", "PATH"),
    "fish: Unknown command: app": ("requirement-command", "PATH"),
    'exec: "app": executable file not found in $PATH': ("requirement-command", "PATH"),
    "./app: line 1: $'\\177ELF\\002': command not found": ("machine-mismatch", "ELF"),
    "bash: ./app: cannot execute binary file": ("machine-mismatch", ""),
    "./app: line 1: syntax error near unexpected token `('": ("machine-mismatch", "shell"),
    "The requested image's platform (linux/amd64) does not match the detected host platform": (
        "machine-mismatch",
        "",
    ),
    "./a: error while loading shared libraries: libc.so.6: cannot stat shared object: Permission "
    "denied": ("library-unusable", "libc.so.6"),
    "./a: error while loading shared libraries: libx.so: cannot apply additional memory protection "
    "after relocation: Permission denied": ("exec-policy", "SELinux"),
    "Error: invalid ELF header": ("library-unusable", "a library"),
    "libgcc_s.so.1 must be installed for pthread_exit to work": (
        "library-missing",
        "libgcc_s.so.1",
    ),
    "Error loading shared library ld-linux-x86-64.so.2: No such file or directory (needed by a)": (
        "library-missing",
        "glibc's own loader",
    ),
    "bash: ./app: Text file busy": (None, "writing"),
    "Process exited, code=exited, status=217/USER": ("requirement-user", "User="),
    'audit: apparmor="DENIED" operation="exec" name="/opt/app"': ("exec-policy", "AppArmor"),
    'avc:  denied  { execute } for pid=1 comm="sh" name="app"': ("exec-policy", "SELinux"),
    "0x800700C1": (None, "Windows"),
    "0xC0000142": (None, "initialisation"),
    "0xC0000005": (None, "access violation"),
    "Segmentation fault (core dumped)": (None, "SIGSEGV"),
    "container exited with code 127": ("interpreter-missing", "127"),
    "exit status 132": ("cpu-level-too-low", "SIGILL"),
    "Exited (137) 3 seconds ago": (None, "SIGKILL"),
    "./run.sh: line 3: ./app: Permission denied": ("permission-denied", ""),
    "./app: No such file or directory": ("interpreter-missing", ""),
    "app.service: Failed at step EXEC spawning /opt/app: No such file or directory": (
        "interpreter-missing",
        "",
    ),
}


@pytest.mark.parametrize("message", SAID)
def test_a_message_is_told_for_what_it_is(message):
    """The finding is named, and the names in the message come back in the meaning."""
    code, word = SAID[message]

    found = first(message)

    assert found is not None
    assert found.code == code
    assert word in found.meaning


def test_an_illegal_instruction_is_mended_in_each_toolchain():
    """The flag for C, for Go and for Rust, in the message's explanation as in the finding's."""
    (found,) = explain("Illegal instruction")

    for advice in (found.advice, CODES["cpu-level-too-low"].remedy):
        assert all(flag in advice for flag in ("-march=", "GOAMD64=", "target-cpu="))


def predicted() -> dict[str, str]:
    """Return the line that the judge predicts for the scene of each code, where it does."""
    lines = {code: judge(*scene()).verdict.predicted_error for code, scene in SCENES.items()}
    return {code: line for code, line in lines.items() if line}


# What an errno says alone may have several causes.
AMBIGUOUS = {
    "Exec format error": "machine-mismatch",
    "No such file or directory": "interpreter-missing",
    "Permission denied": "permission-denied",
}


@pytest.mark.parametrize(("code", "line"), predicted().items())
def test_a_predicted_line_leads_back_to_its_finding(code, line):
    """What the judge says a loader would print is known, and means the same."""
    found = first(line)

    assert found is not None, line
    words = next((words for words in AMBIGUOUS if line.endswith(f": {words}")), None)
    assert found.code == (AMBIGUOUS[words] if words and "cannot open" not in line else code)


def test_the_telling_line_of_a_log_is_found():
    """A cause comes before an errno that only repeats it, wherever it stands."""
    log = (
        "make: ./app: Permission denied\nERROR\n./app: libz.so.1: cannot open shared object file: "
    )
    log += "No such file or directory\nsh: app: not found\n"

    found = first(log)

    assert found is not None
    assert (found.code, found.line.split(":")[1]) == ("library-missing", " libz.so.1")


@pytest.mark.parametrize(
    "message",
    [
        "404 page not found",
        "cp: cannot stat '/x': No such file or directory",
        "open config.yaml: no such file or directory",
        "./app: line 3: ./conf/app.yaml: No such file or directory",
        "FileNotFoundError: [Errno 2] No such file or directory: '/srv/app/app.conf'",
        "PermissionError: [Errno 13] Permission denied: '/var/log/x'",
        "Permission denied (publickey).",
        "permission denied while trying to connect to the Docker daemon socket",
        "mount: permission denied",
        "the user 127 was not found",
    ],
)
def test_what_is_no_start_is_not_explained_as_one(message):
    """Everything says "not found" and "permission denied" of something."""
    assert first(message) is None


def test_a_log_with_two_causes_tells_both():
    """Each once, however often it stands there."""
    newer = "./a: libc.so.6: version `GLIBC_2.38' not found (required by ./a)\n"

    found = explain(f"{newer}sh: 1: ./b: Exec format error\n{newer}bye\n")

    assert ["version-missing", "machine-mismatch"] == [one.code for one in found]


@given(st.text(max_size=300))
def test_any_text_has_an_answer_or_none(text):
    """Nothing that is pasted breaks it, and every code that it names has a page."""
    assert all(found.code is None or found.code in CODES for found in explain(text))
