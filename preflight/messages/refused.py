"""How those who start programs say that the kernel refused one; others say the same of any file."""

from __future__ import annotations

_STARTERS = (
    r"(?:ba|da|a|z|k|mk|c|tc|fi)?sh",
    r"env|exec|execvp?e?|fork/exec|xargs|strace|su|sudo|doas|make|process",
    r"EXEC spawning",
    r"failed to (?:run command|execute)",
    r"(?:cannot|unable to) (?:run|execute)",
    r"unknown command",
)
# A starter, with the line of its script; or the program alone, at the beginning of the line.
_STARTER = (
    rf"(?:(?:^|(?<=[\s/:\"'(\[-]))(?:{'|'.join(_STARTERS)})(?:\[\d+\])?[:.]?(?:line )?"
    r"(?: ?\d+:)? ?|^|: (?:line )?\d+: )"
)
# What is read or written rather than started.
_ELSEWHERE = r"(?!/(?:etc|proc|sys|dev|var/(?:log|run|cache)|run)/)"
_DATA = (
    "cfg",
    "conf",
    "ini",
    "json",
    "log",
    "pem",
    "pid",
    "sock",
    "toml",
    "txt",
    "xml",
    "yaml",
    "yml",
)
_NO_DATA = "".join(rf"(?<!\.{suffix})" for suffix in _DATA)
_QUOTES = "'`\"\u2018\u2019"


def program(group: str) -> str:
    """Return the pattern of a path that may be a program's, as the named *group*."""
    part = rf"[^\s:{_QUOTES}]"
    path = rf"(?P<{group}>{part}{{0,512}}/{part}{{1,512}})"
    return rf"[{_QUOTES}]?{_ELSEWHERE}{path}(?!{part}){_NO_DATA}[{_QUOTES}]?"


def refused(errno: str) -> str:
    """
    Return the pattern of what shells, launchers and run-times say of a start that *errno* ended.

    It is an alternation of words of strerror(3).
    """
    started = rf"{_STARTER}(?:cannot execute: )?{program('path')}: (?:can(?:not|'t) execute: )?"
    ways = (
        rf"{started}(?:{errno})\b",
        rf"\b(?:zsh|fish)(?::\d+)?: (?:{errno}): {program('zsh')}",
        rf"Error: \[Errno \d+\] (?:{errno}): {program('python')}",
        rf"\b(?:{errno}) - {program('ruby')} \(Errno::",
        rf"^(?:{errno})(?: at .{{1,64}} line \d+\.?)?$",  # Perl's die
        rf'\bmessage: "(?:{errno})"',  # Rust's
        rf'user process caused:? "?(?:exec: )?(?:"[^"]{{1,256}}": )?(?:{errno})\b',  # runc
    )
    # Most lines of a log are none: they are passed over at once.
    return rf"(?i:^(?=.*(?:{errno})).*?(?:{'|'.join(ways)}))"
