"""
Random graphs of libraries made by gcc: linked with one release, started with another.

Between the two releases symbols vanish, change their version, lose it, or
become IFUNCs: what a host with other packages does to a program.
"""

from __future__ import annotations

import functools
import random
import subprocess
import tempfile
from pathlib import Path

import msgspec

from tests.fuzz.graph import PLACE, PROGRAM, File, Graph

LIBRARIES = 3
START = 'void _start(void){__asm__("xor %edi,%edi; mov $60,%eax; syscall");}\n'
DIRECTORY = f"{PLACE}/app/lib"
COMMON = ("gcc", "-O1", "-nostdlib", "-Wl,--allow-shlib-undefined", "-Wl,--no-as-needed")


class Thing(msgspec.Struct, frozen=True):
    """One symbol of a library: a function, a variable, a thread's variable, an IFUNC."""

    name: str
    kind: str
    version: str | None  # None: in no version


class Library(msgspec.Struct, frozen=True):
    """One release of one library."""

    name: str
    things: tuple[Thing, ...]
    nodes: tuple[str, ...]  # the versions that it defines, empty ones too
    body: str  # what it refers to
    flags: tuple[str, ...]
    links: tuple[str, ...]  # other libraries


def generate(seed: int, interpreter: str) -> Graph:
    """Return the graph of *seed*."""
    dice = random.Random(seed)
    old = [_library(dice, number) for number in range(LIBRARIES)]
    stubs = {library.name: _built(msgspec.structs.replace(library, body="")) for library in old}
    stub_names = tuple(sorted(stubs.items()))
    things = [thing for library in old for thing in library.things]
    files = []
    for library in old:
        body = _references(dice, [t for t in things if t not in library.things], library.name)
        links = tuple(name for name in stubs if name != library.name and dice.random() < 0.4)
        new = msgspec.structs.replace(_changed(dice, library), body=body, links=links)
        files.append(File(f"{DIRECTORY}/{library.name}", data=_built(new, stub_names)))
    pie = dice.random() < 0.7
    flags = (
        *(("-pie", "-fPIE") if pie else ("-no-pie", "-fno-pic")),
        f"-Wl,--dynamic-linker={interpreter}",
        f"-Wl,-rpath,{DIRECTORY}",
        *_flags(dice),
    )
    body = START + _references(dice, things, "prog")
    program = Library("prog", (), (), body, flags, tuple(stubs))
    files.append(File(PROGRAM, data=_built(program, stub_names)))
    env = (("LD_BIND_NOW", "1"),) if dice.random() < 0.15 else ()
    return Graph(tuple(files), env)


def _library(dice: random.Random, number: int) -> Library:
    nodes = ("FZ_1", "FZ_2")[: dice.choice((0, 1, 2, 2))]
    kinds = ["function"] * 4 + ["variable"] * 2 + ["thread"] * dice.randint(0, 1)
    things = tuple(
        Thing(f"fz{number}_{index}", kind, dice.choice(nodes) if nodes else None)
        for index, kind in enumerate(kinds)
    )
    return Library(f"libfz{number}.so", things, nodes, "", ("-shared", "-fPIC", *_flags(dice)), ())


def _flags(dice: random.Random) -> tuple[str, ...]:
    return (
        f"-Wl,-z,{dice.choice(('lazy', 'lazy', 'now'))}",
        f"-Wl,--hash-style={dice.choice(('gnu', 'sysv', 'both'))}",
        *dice.choice(((), (), ("-fno-plt",), ("-Wl,-Bsymbolic",))),
    )


def _changed(dice: random.Random, library: Library) -> Library:
    """Return the release on the host."""
    nodes = library.nodes
    if nodes and dice.random() < 0.1:
        nodes = dice.choice(((), nodes[:1]))
    things = []
    for thing in library.things:
        chance = dice.random()
        if chance < 0.04:
            continue
        kept = thing.version if thing.version in nodes else (nodes[0] if nodes else None)
        if chance < 0.07 and nodes:
            kept = dice.choice((*nodes, None))
        kind = "ifunc" if thing.kind == "function" and chance > 0.93 else thing.kind
        things.append(Thing(thing.name, kind, kept))
    return msgspec.structs.replace(library, things=tuple(things), nodes=nodes)


def _references(dice: random.Random, things: list[Thing], tag: str) -> str:
    """Return C code that calls, points at and reads some of *things*."""
    lines = []
    for thing in dice.sample(things, min(len(things), dice.randint(1, 5))):
        weak = "__attribute__((weak)) " if dice.random() < 0.12 else ""
        name, use = thing.name, f"use_{tag.replace('.', '_')}_{thing.name}"
        if thing.kind == "function":
            lines.append(f"extern {weak}int {name}(void);")
            lines.append(
                f"int {use}(void) {{ return {name}() + 1; }}"
                if dice.random() < 0.7
                else f"int (*{use})(void) = {name};"
            )
        else:
            thread = "__thread " if thing.kind == "thread" else ""
            lines.append(f"extern {weak}{thread}int {name};")
            lines.append(f"int {use}(void) {{ return {name}; }}")
    return "\n".join(lines)


def _source(library: Library) -> str:
    lines = []
    for thing in library.things:
        name = thing.name
        if thing.kind == "function":
            lines.append(f"int {name}(void) {{ return 1; }}")
        elif thing.kind == "ifunc":
            lines.append(f"static int real_{name}(void) {{ return 2; }}")
            lines.append(f"static void *pick_{name}(void) {{ return real_{name}; }}")
            lines.append(f'int {name}(void) __attribute__((ifunc("pick_{name}")));')
        else:
            lines.append(f"{'__thread ' if thing.kind == 'thread' else ''}int {name} = 3;")
    return "\n".join((*lines, library.body, ""))


def _script(library: Library) -> str:
    """Return the version script; "use_" stays global, so that it is not thrown away."""
    text = ""
    for index, node in enumerate(library.nodes):
        names = "".join(f"{thing.name}; " for thing in library.things if thing.version == node)
        after = library.nodes[index - 1] if index else ""
        text += f"{node} {{ {'global: ' + names if names else ''}}} {after};\n"
    return text


@functools.lru_cache(maxsize=256)
def _built(library: Library, links: tuple[tuple[str, bytes], ...] = ()) -> bytes:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "source.c").write_text(_source(library))
        (directory / "versions").write_text(_script(library))
        command = [*COMMON, "-o", "out", "source.c", *library.flags, "-L."]
        if library.name != "prog":
            command.append(f"-Wl,-soname,{library.name}")
        if library.nodes:
            command.append("-Wl,--version-script=versions")
        for linked, content in links:
            if linked in library.links:
                (directory / linked).write_bytes(content)
                command.append(f"-l:{linked}")
        command.append("-Wl,--unresolved-symbols=ignore-all")
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}:\n{_source(library)}\n{done.stderr}")
        return (directory / "out").read_bytes()
