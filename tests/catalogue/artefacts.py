"""The catalogue."""

from __future__ import annotations

from tests.catalogue.compiled import COMPILED
from tests.catalogue.packaged import PACKAGED

CATALOGUE = (*COMPILED, *PACKAGED)
