"""
What is shipped: a local file in, its `Requirements` out.

`analysis` opens and hashes the file, `formats` names what it is by its first
bytes, one file for each family of formats, and `needs` draws from an `Elf`
what the judgement and the report ask for.  To add a format is one function
and one line in `formats.DETECTORS`.
"""

from preflight.analyze.analysis import analyze

__all__ = ["analyze"]
