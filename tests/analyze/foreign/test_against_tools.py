"""Real programs for other systems are read as LLVM's tools and file(1) read them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pip
import pytest

from preflight.analyze import analyze
from preflight.model.foreign import Foreign
from tests.builders.go import go_program

MAIN = "package main\n\nfunc main() { println(1) }\n"
TARGETS = ("windows/amd64", "windows/386", "darwin/amd64", "darwin/arm64", "js/wasm")
WINDOWS = sorted((Path(pip.__file__).parent / "_vendor/distlib").glob("*.exe"))


def said(*command: str | Path) -> str:
    """Return what a tool prints; skips where it is not installed."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def needs(path: Path) -> Foreign:
    """Return the needs of a file that has some."""
    found = analyze(path).foreign
    assert found is not None
    assert found.defect is None
    return found


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A Go program for each of the targets, which needs no SDK."""
    directory = tmp_path_factory.mktemp("foreign")
    (directory / "main.go").write_text(MAIN)
    for target in TARGETS:
        system, machine = target.split("/")
        go_program(directory, f"{system}-{machine}", GOOS=system, GOARCH=machine)
    return directory


def imported(path: Path) -> list[str]:
    """Return the libraries of a PE file as llvm-readobj tells them."""
    text = said("llvm-readobj", "--coff-imports", path)
    return list(dict.fromkeys(re.findall(r"^  Name: (.*)$", text, re.MULTILINE)))


def oldest(path: Path) -> str:
    """Return the oldest Windows as llvm-readobj tells it."""
    text = said("llvm-readobj", "--file-headers", path)
    numbers = [re.search(rf"{n}SubsystemVersion: (\d+)", text) for n in ("Major", "Minor")]
    return "Windows " + ".".join(number[1] for number in numbers if number)


@pytest.mark.parametrize("path", WINDOWS, ids=lambda path: path.name)
def test_windows_launchers_of_pip_are_read_as_llvm_reads_them(path):
    """Libraries and the oldest Windows, for three machines and both sizes."""
    found = needs(path)

    assert list(found.imports + found.optional) == imported(path)
    assert found.imports
    assert found.minimum_os == oldest(path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["windows-amd64", "windows-386"])
def test_go_programs_for_windows_are_read_as_llvm_reads_them(name, built):
    """What Go's linker writes is no different."""
    found = needs(built / name)

    assert list(found.imports) == imported(built / name)
    assert found.minimum_os == oldest(built / name)
    assert found.runtime == "Windows"


@pytest.mark.slow
@pytest.mark.parametrize("machine", ["amd64", "arm64"])
def test_go_programs_for_macos_are_read_as_llvm_reads_them(machine, built):
    """The libraries and the oldest release of the load commands."""
    path = built / f"darwin-{machine}"
    text = said("llvm-objdump", "--macho", "--private-headers", path)
    libraries = re.findall(r"cmd LC_LOAD_DYLIB\n.*\n +name (\S+)", text)
    release = re.search(r"(?:minos|cmd LC_VERSION_MIN_MACOSX\n.*\n +version) (\S+)", text)

    found = needs(path)

    assert list(found.imports) == libraries
    assert release
    assert found.minimum_os == f"macOS {release[1]}"
    assert found.machines == ({"amd64": "x86_64"}.get(machine, machine),)


@pytest.mark.slow
def test_go_program_for_a_browser_needs_gos_own_script(built):
    """It imports from a module that only the file wasm_exec.js of Go defines."""
    found = needs(built / "js-wasm")

    assert found.imports == ("go",)
    assert found.runtime == "a JavaScript engine with wasm_exec.js of the same Go release"


def test_jars_of_debian_need_the_java_that_file_tells_of_their_classes(tmp_path):
    """The release is that of file(1) for the class."""
    jars = sorted(Path("/usr/share/java").glob("commons-*.jar"))
    if not jars:
        pytest.skip("no jar of Debian is installed")
    for jar in jars:
        found = needs(jar)
        listed = said("unzip", "-Z1", jar).split("\n")
        classes = [n for n in listed if n.endswith(".class") and not n.startswith("META-INF")]
        first = next(n for n in classes if not n.endswith("module-info.class"))
        (tmp_path / "a.class").write_bytes(
            subprocess.run(["unzip", "-p", jar, first], capture_output=True, check=True).stdout
        )
        text = said("file", tmp_path / "a.class")
        release = re.search(r"\(Java (?:SE )?(?:1\.)?(\d+)\)", text)
        assert release, text
        assert found.runtime == f"Java {release[1]}", jar
