"""What a program will want once it runs, as the file gives cause for it."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from preflight.analyze import analyze

SOURCE = """
#include <netdb.h>
static const char data[40 << 20] = {1};
int main(int argc, char **argv) {
    struct addrinfo *found;
    return data[argc] + getaddrinfo(argv[0], 0, 0, &found);
}
"""


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("gcc"), reason="needs gcc")
def test_c_library_behind_large_constants_is_seen(tmp_path):
    """A linker puts the C library last: there it is looked for, too."""
    (tmp_path / "app.c").write_text(SOURCE)
    command = ["gcc", "-static", "-w", "-o", "app", "app.c"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    needs = analyze(str(tmp_path / "app"))

    assert "nss" in {need.kind for need in needs.runtime_needs}
