"""Scripts: files that the kernel starts by their first line."""

from __future__ import annotations

import re

from preflight.analyze.formats.found import Found, Sample, article
from preflight.model import shebang

_LANGUAGES = (
    (re.compile(r"(?:ba|da|a|k|mk|z|c|tc|fi|pdk)?sh|busybox"), "shell"),
    (re.compile(r"(?:python|pypy)[\d.]*"), "Python"),
    (re.compile(r"perl[\d.]*"), "Perl"),
    (re.compile(r"ruby[\d.]*"), "Ruby"),
    (re.compile(r"node(?:js)?"), "Node.js"),
    (re.compile(r"php[\d.]*"), "PHP"),
    (re.compile(r"[gmn]?awk"), "awk"),
    (re.compile(r"lua[\d.]*"), "Lua"),
    (re.compile(r"(?:tcl|wi)sh[\d.]*|expect"), "Tcl"),
    (re.compile(r"Rscript"), "R"),
)

_ZIP_END_BYTES = 22  # of the end record without a comment
_WITH_ZIP = ", with a zip archive behind it that it starts"


def detect_script(sample: Sample) -> Found | None:
    """Recognise "#!" and name the interpreter.  Source: execve(2), "Interpreter scripts"."""
    if not sample.head.startswith(shebang.MARK):
        return None
    line = shebang.parse(sample.head)
    if line is None:
        return Found("script", "a script that names no interpreter")
    language = _language(line.command.split())
    sentence = f"{article(f'{language} script'.lstrip())} for {line.command.rstrip()}"
    if line.command.endswith("\r"):
        sentence += ", whose first line ends in a carriage return"
    return Found("script", sentence + (_WITH_ZIP if _zip_behind(sample) else ""))


def _zip_behind(sample: Sample) -> bool:
    """Whether a zip ends the file, as in Python's zipapp.  Source: PKWARE, "APPNOTE.TXT"."""
    return sample.read(max(0, sample.size_bytes - _ZIP_END_BYTES), 4) == b"PK\5\6"


def _language(words: list[str]) -> str:
    """Return the language of an interpreter, "" for an unknown one; env(1) is looked through."""
    names = [word.rpartition("/")[2] for word in words] or [""]
    if names[0] == "env":
        names = [n for n in names[1:] if not n.startswith("-") and "=" not in n] or [""]
    return next((language for known, language in _LANGUAGES if known.fullmatch(names[0])), "")
