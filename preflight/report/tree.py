"""The libraries of a start as a tree: which rule found each, and where a miss was looked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import RenderableType
from rich.text import Text
from rich.tree import Tree

from preflight.model.verdict import Library, Verdict
from preflight.report.groups import by_libraries, group
from preflight.report.labels import Labels
from preflight.report.terminal import shown


def trees(verdicts: Iterable[Verdict], labels: Labels) -> Iterator[RenderableType]:
    """Yield one tree for each binary and set of libraries that hosts start it with."""
    with_libraries = (verdict for verdict in verdicts if verdict.libraries)
    for number, members in enumerate(group(with_libraries, by_libraries)):
        if number:
            yield Text()
        root = labels.some_binaries(members.binaries).append(" on ", "dim")
        root.append_text(labels.some_hosts(members.hosts))
        yield _tree(root, members.sample.libraries)


def _tree(root: Text, libraries: tuple[Library, ...]) -> Tree:
    """
    Hang each library under the first object that needs it: the one that brought it in.

    That one stands in the tree already, as libraries come in the loader's
    order; what is not there is the program itself, the root.
    """
    tree = Tree(root)
    branches: dict[str, Tree] = {}
    for library in libraries:
        parent = branches.get(library.needed_by[0], tree) if library.needed_by else tree
        branch = parent.add(_line(library))
        branches.setdefault(library.name, branch)
        if library.path is None:
            _add_steps(branch, library)
        else:
            branches.setdefault(library.path, branch)
    return tree


def _line(library: Library) -> Text:
    line = shown(library.name)
    if library.path is None:
        return line.append(" not found", "red")
    if library.path != library.name:
        line.append(" => ", "dim").append_text(shown(library.path))
    if library.rule:
        line.append_text(shown(f" [{library.rule}]", "dim"))
    return line


def _add_steps(branch: Tree, library: Library) -> None:
    for step in library.tried:
        rule = f" [{step.rule}]" if step.path else ""
        line = shown(step.path or step.rule)
        branch.add(line.append_text(shown(f": {step.result}{rule}", "dim")))
