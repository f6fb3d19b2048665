"""
Directories and archives: read in place, in one pass, and nothing in them is executed.

`WALKS` says by its first bytes how a container is read: one file for each
family, a function that yields `Item`s in the container's own order.  `collect`
turns these into a `Bundle`.  To add a container is one function and one line.
"""

from preflight.analyze.bundles.collect import open_bundle, open_directory, open_payload
from preflight.analyze.bundles.item import TooMuchError

__all__ = ["TooMuchError", "open_bundle", "open_directory", "open_payload"]
