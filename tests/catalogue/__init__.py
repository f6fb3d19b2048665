"""
A catalogue of things that people really ship: analysed, and judged beside real starts.

To add one: an `Artefact` in `compiled` (built here) or `packaged` (from Debian,
PyPI or npm), with what inspect must say of it.
"""
