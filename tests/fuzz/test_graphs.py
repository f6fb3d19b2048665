"""Random graphs end as predicted; those that once did not are kept."""

from pathlib import Path

import msgspec
import pytest

from tests.fuzz import arena
from tests.fuzz.generate import generate
from tests.fuzz.graph import PROGRAM, Graph

GRAPHS = 100
KEPT = sorted(Path(__file__).with_name("kept").glob("*.json"))

pytestmark = pytest.mark.hosts


def for_loader(graph, interpreter):
    """Return *graph* with this loader for its program."""
    files = (
        msgspec.structs.replace(file, interpreter=interpreter) if file.path == PROGRAM else file
        for file in graph.files
    )
    return msgspec.structs.replace(graph, files=tuple(files))


@pytest.mark.parametrize("name", arena.ROOTS)
def test_random_graphs_end_as_predicted(rings, name):
    """Outcome, exit status and first line are the loader's, or said to be unknown."""
    ring = rings[name]
    trials = {seed: ring.trial(generate(seed, ring.interpreter)) for seed in range(GRAPHS)}

    assert {} == {s: t for s, t in trials.items() if t.problem not in (None, "unknown")}
    assert sum(t.problem == "unknown" for t in trials.values()) <= GRAPHS // 25


@pytest.mark.parametrize("name", arena.ROOTS)
@pytest.mark.parametrize("kept", KEPT, ids=lambda path: path.stem)
def test_kept_graph_ends_as_predicted(rings, name, kept):
    """A graph on which the two once disagreed ends as predicted."""
    graph = msgspec.json.decode(kept.read_bytes(), type=Graph)

    trial = rings[name].trial(for_loader(graph, rings[name].interpreter))

    assert None is trial.problem, trial
