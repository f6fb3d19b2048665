"""The project keeps its own rules: what may import what, and who may touch the outside."""

import ast
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

PROJECT = Path(__file__).parent.parent
PACKAGE = PROJECT / "preflight"
FILES = sorted(PACKAGE.rglob("*.py"))

FLOORS = [  # an import may only point to a lower line
    {"__main__"},
    {"cli"},
    {"__init__", "fabric"},
    {"api"},
    {"manifest"},
    {"analyze", "probe", "judge", "report", "inventory", "messages"},
    {"transport", "elf", "loader"},
    {"model"},
    {"errors"},
]
HEIGHT = {room: -line for line, rooms in enumerate(FLOORS) for room in rooms}
# Who may use a third party's package; everybody may use those that are not listed.
ONLY_IN = {
    "fabric": {"fabric"},
    "paramiko": {"transport"},
    "elftools": {"elf"},
    "dask": {"api"},
    "distributed": {"api"},
    "click": {"cli"},
    "rich": {"cli", "report"},
    "yaml": {"inventory", "manifest"},
}
OUTSIDE = {"print", "input", "exit", "quit", "sys.exit", "os._exit"}
OUTSIDE |= {"os.environ", "os.getenv", "sys.argv", "sys.stdout", "sys.stderr"}
# ssh's configuration may name variables, and one says to every ssh client where the agent is.
SSH_VARIABLES = {"preflight/transport/config/tokens.py": ["os.environ"]}


def room_of(path: Path) -> str:
    """Return the folder or file directly under the package that *path* belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> Iterator[str]:
    """Yield the full dotted names that *path* imports, also within functions."""
    package = path.relative_to(PROJECT).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *([node.module] if node.module else [])))
            yield from (f"{module}.{alias.name}" for alias in node.names)


def room_imported(name: str) -> str | None:
    """Return the room that an imported name lies in, None where it is not ours."""
    package, _, rest = name.partition(".")
    if package != PACKAGE.name or rest == "__version__":
        return None
    first = rest.partition(".")[0]
    return first if first in HEIGHT else "__init__"


def outside_names(path: Path) -> Iterator[str]:
    """Yield the names in *path* that touch the terminal, the process or the environment."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Name | ast.Attribute) and (name := ast.unparse(node)) in OUTSIDE:
            yield name


def offences(find: Callable[[Path], Iterable[str]]) -> dict[str, list[str]]:
    """Return what *find* finds, by file, for the files where it finds something."""
    found = {str(path.relative_to(PROJECT)): sorted(find(path)) for path in FILES}
    return {path: names for path, names in found.items() if names}


def test_imports_point_down():
    """A file imports from its own room and from lower floors; so stages never meet."""

    def upward(path):
        room = room_of(path)
        rooms = {room_imported(name) for name in imports_of(path)} - {None, room}
        return (other for other in rooms if HEIGHT[other] >= HEIGHT[room])

    assert offences(upward) == {}


def test_third_parties_stay_in_their_room():
    """Only the transports know the SSH library, only the reader the ELF library, and so on."""

    def misplaced(path):
        used = {name.partition(".")[0] for name in imports_of(path)}
        return (one for one in used if room_of(path) not in ONLY_IN.get(one, {room_of(path)}))

    assert offences(misplaced) == {}


def test_only_the_cli_touches_the_outside():
    """Nothing but the command line prints, exits or reads the environment."""

    def outside(path):
        return () if room_of(path) in {"cli", "__main__"} else outside_names(path)

    found = offences(outside)

    assert found == SSH_VARIABLES


def test_every_room_has_a_floor():
    """A new room stands on a floor, or the other tests would not look at it."""
    assert {room_of(path) for path in FILES} - HEIGHT.keys() == set()
