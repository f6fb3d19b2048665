"""
What shells, env(1), systemd and container engines make of the kernel's refusals.

Source: execve(2); bash execute_cmd.c; dash, zsh, fish and busybox by their
own words; systemd.exec(5), "Process exit codes"; Go src/runtime.
"""

from __future__ import annotations

from preflight.messages.line import WORD, line
from preflight.messages.refused import program, refused

_CHECK = "preflight check PROGRAM -i INVENTORY says which hosts can start it."
_FILE = "file PROGRAM, or preflight inspect PROGRAM, says what it is. "

LINES = (
    line(
        WORD + r"(?P<program>[^\s:]+): (?P<interpreter>[^\s:^\\]+)(?:\^M|\r|\\r): "
        r"(?:bad interpreter|No such file)"
        r"|(?:env|bad interpreter)\b.*(?:\^M|\r|\\r)",
        "script-carriage-return",
        "the script's first line ends in a carriage return, which the kernel takes for a part of "
        "the interpreter's name.",
        "Store it with Unix line ends: dos2unix FILE.",
    ),
    line(
        WORD + r"(?P<program>[^\s:]+): (?P<interpreter>[^\s:]+): bad interpreter",
        "interpreter-missing",
        "{program} is a script for {interpreter}, which is not on this host, or is not executable.",
        "Install the interpreter, or name it by its path there. " + _CHECK,
    ),
    line(
        r"file uses Windows line endings",
        "script-carriage-return",
        "the script's first line ends in a carriage return, which the kernel takes for a part of "
        "the interpreter's name.",
        "Store it with Unix line ends: dos2unix FILE.",
    ),
    line(
        r"sudo: (?P<program>[^\s:]*/[^\s:]*): command not found",
        "permission-denied",
        "sudo takes {program} for a command only where it is there and has an x bit.",
        "ls -l PROGRAM; chmod +x PROGRAM, or install it with mode 0755. " + _CHECK,
    ),
    line(
        r"spawn (?P<program>\S+) EACCES\b",
        "permission-denied",
        "Node.js may not execute {program}: it has no x bit, or lies on a noexec mount.",
        _FILE + _CHECK,
    ),
    line(
        r"spawn (?P<program>\S+) ENOENT\b",
        "interpreter-missing",
        "Node.js could not execute {program}: it, its dynamic loader or the program of its #! line "
        "is not there, or the cwd that it was given is not.",
        "ls -l PROGRAM first; " + _FILE + _CHECK,
    ),
    line(
        r"env: (?:can't execute )?['`\u2018](?P<program>[^'\u2019/]+)['\u2019]: No such file",
        "interpreter-missing",
        "a script's first line has env search for {program}, and no directory of PATH holds it.",
        "Install it, or set PATH for the start: services have another PATH than log-ins.",
    ),
    line(
        r"only be run on AMD64 processors with (?P<level>v\d) microarchitecture",
        "cpu-level-too-low",
        "the Go program was built with GOAMD64={level}, and this CPU does not reach that level.",
        "Build with GOAMD64=v1. " + _CHECK,
    ),
    line(
        r"only (?:be )?run on (?:processors with MMX|ARM64 processors with LSE) support"
        r"|this CPU has no (?:VFPv3 )?floating point hardware, so it cannot run",
        "cpu-level-too-low",
        "the Go program was built for a newer CPU than this one (GO386, GOARM64 or GOARM).",
        "Build with GOARM=5 or GOARM64=v8.0; Go's 386 needs MMX. " + _CHECK,
    ),
    line(
        r"(?i)illegal (?:hardware )?instruction|\btrap invalid opcode|\bSIGILL\b",
        "cpu-level-too-low",
        "the program used an instruction that this CPU does not have: it is for a newer one.",
        "Build with -march=x86-64 (GOAMD64=v1 for Go, -C target-cpu=x86-64 for Rust). " + _CHECK,
    ),
    line(
        r"(?i)exec format error|spawn \S+ ENOEXEC\b|cannot execute binary file"
        r"|image's platform \([^)]*\) does not match",
        "machine-mismatch",
        "the kernel does not run this file: it is for another machine (an arm64 build on x86-64 or "
        "the reverse), no program at all, or a script without #!.",
        _FILE + _CHECK,
    ),
    line(
        r"specified the interpreter '(?P<interpreter>[^']+)', which is not an executable command",
        "interpreter-missing",
        "the file names {interpreter} as its dynamic loader or interpreter, and that is not there.",
        _FILE + _CHECK,
    ),
    line(
        r"Failed to execute process.*could not be run by the operating system"
        r"|(?i:: syntax error: (?:.*unexpected|unterminated quoted string))"
        r"|syntax error near unexpected|: ELF.*: not found|: not executable: \d+-bit ELF file",
        "machine-mismatch",
        "the kernel did not run this file, and a shell tried to read it: it is for another "
        "machine, or no program.",
        _FILE + _CHECK,
    ),
    line(
        r"exists and is executable\. Check the interpreter or linker",
        "interpreter-missing",
        "the program is there; its dynamic loader, or the program of its #! line, is not.",
        _FILE + _CHECK,
    ),
    line(
        r"exists but is not an executable file",
        "permission-denied",
        "the file has no x bit for the user who starts it.",
        "chmod +x PROGRAM, or install it with mode 0755.",
    ),
    line(
        r"Failed to load Python shared library|Error loading Python lib",
        "payload-not-judged",
        "a PyInstaller program started, and could not load the Python that it unpacked: that wants "
        "a newer C library than the boot loader does, or lies on a noexec mount.",
        "The words after dlopen: say which. " + _CHECK,
    ),
    line(
        r"required file not found",
        "interpreter-missing",
        "the program is there; what it names as its interpreter is not: the dynamic loader of "
        "another C library (glibc on Alpine), or the program of a script's #! line.",
        _FILE + _CHECK,
    ),
    line(
        r"status=203/EXEC",
        "interpreter-missing",
        "systemd could not execute the program: it, its loader or its #! interpreter is not there, "
        "is not executable, or is for another machine.",
        "systemd says the errno in the line before. " + _CHECK,
    ),
    line(
        r"\$?'?\\177ELF|\x7fELF",
        "machine-mismatch",
        "the kernel did not run this file, and a shell tried to read it: it is an ELF program for "
        "another machine, or damaged.",
        _FILE + _CHECK,
    ),
    line(
        r"status=217/USER",
        "requirement-user",
        "systemd does not know the user of the service (User=), or may not become it.",
        "Create it first, or name one that is there: getent passwd USER.",
    ),
    line(
        r"apparmor=\"DENIED\" operation=\"exec\"|avc: +denied +{ [^}]*\b(?:execute|entrypoint)",
        "exec-policy",
        "a security policy (AppArmor, SELinux) refused to execute the file.",
        "For SELinux: restorecon -v PROGRAM, or ausearch -m avc | audit2why; for AppArmor: the "
        "profile that the line names.",
    ),
    line(
        r"(?i)text file busy|\bETXTBSY\b",
        None,
        "something still has the program open for writing, or writes to it while it runs.",
        "Install it under another name and rename it over the old one, as install(1) and mv do.",
    ),
    line(
        r"(?i)accessing a corrupted shared library",
        "interpreter-unusable",
        "the file at the path of the program's dynamic loader is none that the kernel takes.",
        "Reinstall the C library of that machine. " + _CHECK,
    ),
    line(
        refused("permission denied|eacces"),
        "permission-denied",
        "the kernel may not execute the file: it has no x bit, a directory on the way is closed to "
        "the user, the file system is mounted noexec, or a security policy forbids it.",
        "ls -l and findmnt -T PROGRAM tell the first two; " + _CHECK,
    ),
    line(
        refused("operation not permitted|eperm"),
        "exec-policy",
        "a security policy (fapolicyd, IMA, SELinux, seccomp) refused to execute the file.",
        "Its log names the rule: journalctl -t fapolicyd, ausearch -m avc.",
    ),
    line(
        refused("no such file or directory|(?:inaccessible or )?not found|command not found")
        + rf"|(?i:\bunknown command:? {program('unknown')}(?:$|:))"
        rf"|\bqemu-\w+: Could not open '{program('loader')}': No such file",
        "interpreter-missing",
        "where the program itself is there, its interpreter is not: the dynamic loader of another "
        "C library (a glibc program on Alpine), or the program of a script's #! line.",
        "ls -l PROGRAM first; " + _FILE + _CHECK,
    ),
    line(
        r"(?i:executable file not found in|command not found|\bunknown command:? [^\s:/]{1,255}$"
        r"|(?<=sh: )(?:\d+: )?[^\s:/]{1,255}: (?:inaccessible or )?not found)",
        "requirement-command",
        "a command was asked for by its name alone, and no directory of PATH there has it.",
        "Install it, name it by its path, or set PATH for the start: services, cron and sudo have "
        "another one than log-ins. requires: {{commands: …}} of a manifest asks every host for it.",
    ),
)
