"""Where the programs of a session lie."""

from __future__ import annotations

import pytest

from preflight.cli.exits import Exit
from tests.builders.elf import build_elf


@pytest.mark.parametrize(
    ("arguments", "status"), [([], Exit.BLOCKED), (["--install-path", "/opt/app"], Exit.DEPLOYABLE)]
)
def test_local_program_is_judged_by_its_own_mode(run, tmp_path, arguments, status):
    """Without an install path it is the file itself that is started, x bit or not."""
    program = tmp_path / "app"
    program.write_bytes(build_elf(type=2, dynamic=False))
    program.chmod(0o644)

    assert run("check", "--local", program, *arguments).status == status
