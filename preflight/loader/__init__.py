"""
What the dynamic loaders do, without running them: search, versions, symbols.

Everything here is pure: a loader is given a `Setting` (the program, how it is
started, the host's facts and answers) and returns a `Resolution`.  What the
answers do not hold becomes an open question of the setting's inquiry; a
resolution that left questions open is provisional.

`glibc` and `musl` hold one loader each; to add a libc is a folder of its own
with a ``load(setting) -> Resolution`` and a line in `LOADERS`.
"""

from __future__ import annotations

from collections.abc import Callable

from preflight.loader.glibc.load import load as load_glibc
from preflight.loader.musl.load import load as load_musl
from preflight.loader.setting import Resolution, Setting

LOADERS: dict[str, Callable[[Setting], Resolution]] = {"glibc": load_glibc, "musl": load_musl}
