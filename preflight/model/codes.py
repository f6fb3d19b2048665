"""
Every finding that preflight can make: what it means, how the host would say it, how to mend it.

`preflight explain CODE` and docs/findings.md are made from this table.  A code
is never renamed and never changes its meaning.
"""

from __future__ import annotations

from msgspec import Struct


class Code(Struct, frozen=True, kw_only=True):
    """One finding's page; each text is a short paragraph."""

    title: str
    cause: str
    says: str  # what a user sees on the host, word for word where there is such a line
    remedy: str


CODES: dict[str, Code] = {
    "format-not-elf": Code(
        title="The file is not a Linux program",
        cause="The kernel runs ELF files for its machine, and scripts. This file is neither: a "
        "Windows or macOS program, an archive, plain text, an object file, or it is empty. Or its "
        "headers name parts that this host's kernel cannot map, as those of a program linked for "
        "pages smaller than the host's.",
        says="cannot execute binary file: Exec format error; Segmentation fault (exit 139) for "
        "parts that cannot be mapped",
        remedy="Ship the Linux build. Unpack archives first; give a script its #! line. For larger "
        "pages link with -z max-page-size=65536.",
    ),
    "script-not-judged": Code(
        title="What a script's first line starts is not known",
        cause="The file starts with #!. Its interpreter is judged like any program, and so is the "
        "program that env(1) looks for; this line asks for something that cannot be told "
        "beforehand: quoting or an option of env, a handler of binfmt_misc, a relative path.",
        says="nothing, or an error of env(1)",
        remedy="Name the interpreter by its path, with one argument at most; or judge what it "
        "starts: preflight check /usr/bin/python3 -i inventory.yaml.",
    ),
    "script-line-unusable": Code(
        title="The kernel cannot read a script's first line",
        cause="After #! the kernel wants the path of an interpreter, and its end (a blank, or the "
        "end of the line) within the first 256 bytes of the file. A shell then runs the file "
        "itself; systemd, cron, sudo and programs do not.",
        says="Exec format error",
        remedy="Write #!/path/to/interpreter as the first line, and keep it short.",
    ),
    "script-carriage-return": Code(
        title="A script's first line ends in a carriage return",
        cause="The file has the line ends of Windows. The kernel takes the carriage return for "
        "the last character of the interpreter's name, and no such file is there.",
        says="cannot execute: required file not found; bad interpreter: No such file or directory",
        remedy="Store the file with Unix line ends: dos2unix FILE, or eol=lf in .gitattributes.",
    ),
    "go-build": Code(
        title="How a Go program was built",
        cause="Go's linker leaves the build information in the program (go version -m). A program "
        "without cgo is static and asks nothing of the host but its machine and kernel. With cgo "
        "it needs the host's C library: net and os/user use cgo wherever it is enabled, other "
        "packages link libraries of their own. A static one with a C library inside may still "
        "load that library's modules (NSS) when it runs.",
        says="nothing",
        remedy="CGO_ENABLED=0 go build, where no package needs cgo; -tags netgo,osusergo for net "
        "and os/user alone.",
    ),
    "file-truncated": Code(
        title="The program's file ends before its contents",
        cause="The program headers name parts of the file that are not there: a copy or a "
        "download was cut off.",
        says="Segmentation fault or Bus error (exit 139 or 135), without a line of the loader; "
        "Input/output error where not even the interpreter's path is there",
        remedy="Build or copy the file again and compare its SHA-256.",
    ),
    "judged-as-library": Code(
        title="A shared object was judged for being loaded, not started",
        cause="The file names no interpreter and is not marked as a position-independent program: "
        "it is a library. It is judged by itself, under the host's own loader for its machine and "
        "libc: the libraries, versions and symbols that it needs. Started as a program it would "
        "crash, as a rule.",
        says="nothing",
        remedy="Name the program that loads it: --loaded-by PROGRAM. Its own libraries and search "
        "paths then count, too.",
    ),
    "payload-not-judged": Code(
        title="What the program unpacks was not judged",
        cause="The file is a boot loader of PyInstaller, and the archive behind it could not be "
        "read, or holds no libraries (one-folder: these lie beside it). The boot loader itself "
        "starts; the libraries may need a newer C library than it does, or a directory that is "
        "not mounted noexec.",
        says="Failed to load Python shared library '/tmp/_MEI…/libpython3.11.so.1.0': …",
        remedy="Build with --onedir and check that directory, or unpack the archive and check it.",
    ),
    "member-blocked": Code(
        title="A member of the bundle does not start",
        cause="A program or library in the directory or archive is blocked on the host, judged "
        "where it will lie, with the bundle's own files beside it.",
        says="what the member's own finding says",
        remedy="See the member's own verdict in the JSON report, or check the member by itself.",
    ),
    "member-unknown": Code(
        title="A member of the bundle could not be judged",
        cause="What a program or library in the directory or archive hangs on could not be looked "
        "at, or nobody said where it will lie.",
        says="nothing, as a rule",
        remedy="Give --install-path: the directory on the hosts that the bundle is unpacked in.",
    ),
    "member-warning": Code(
        title="A member of the bundle starts, with a warning",
        cause="A program or library in the directory or archive is deployable, and something is "
        "to be known of it.",
        says="what the member's own finding says",
        remedy="See the member's own verdict in the JSON report, or check the member by itself.",
    ),
    "member-loaded": Code(
        title="A library of the bundle was judged with the program that loads it",
        cause="A program of the bundle loads this library by the loader's rules: what the library "
        "lacks is found with the program's search paths, and told of the program.",
        says="nothing",
        remedy="Nothing is to be done.",
    ),
    "member-foreign": Code(
        title="A library of the bundle is for another machine",
        cause="The bundle has files for several machines, and no program of it that was judged "
        "loads this library.",
        says="nothing",
        remedy="Nothing is to be done.",
    ),
    "machine-mismatch": Code(
        title="The program is for another machine",
        cause="The host's kernel runs programs of its own machine, of a compatible one where it "
        "was built to (i386 on x86-64), or through an emulator registered in binfmt_misc. None of "
        "these fits.",
        says="cannot execute binary file: Exec format error",
        remedy="Ship a build for the machine that the host reports (uname -m).",
    ),
    "system-mismatch": Code(
        title="The program is for another system",
        cause="It is an ELF file for a machine that the host has, made for FreeBSD, OpenBSD or "
        "another system (GOOS of a Go program, the OSABI field of others). Linux starts it, as "
        "it does not look at that, and its first system calls mean something else.",
        says="Segmentation fault, or Bad system call",
        remedy="Ship the Linux build: GOOS=linux.",
    ),
    "emulated": Code(
        title="The program runs under an emulator",
        cause="A binfmt_misc handler, usually qemu-user, runs such programs on the host.",
        says="nothing",
        remedy="Nothing, if that is meant; it is slow. Otherwise ship a native build.",
    ),
    "interpreter-missing": Code(
        title="The program's interpreter is not on the host",
        cause="A program names its dynamic loader by path (PT_INTERP), a script its interpreter "
        "after #!. A glibc program on Alpine, a musl program on Debian, a 32-bit program on a host "
        "without 32-bit libraries and a script for /bin/bash where there is none find nothing "
        "there. The shell then says that the program itself was not found. What env(1) looks for "
        "is searched in the start's PATH, or in the usual one.",
        says="cannot execute: required file not found; env: 'python3': No such file or directory",
        remedy="Build for the host's libc or statically, or install the loader's package (libc6, "
        "libc6:i386, musl, gcompat). For a script install the interpreter, or name it by the path "
        "that it has there; --env PATH=… says where env searches.",
    ),
    "interpreter-unusable": Code(
        title="The program's dynamic loader cannot be used",
        cause="The file is there but is not executable, is no ELF file, is for another machine or "
        "is a stand-in that only prints an error.",
        says="Accessing a corrupted shared library",
        remedy="Reinstall the package that owns the loader.",
    ),
    "library-missing": Code(
        title="A needed library is not where the loader looks",
        cause="The loader looks in RPATH, LD_LIBRARY_PATH, RUNPATH, ld.so.cache and its system "
        "directories, in this order (musl: LD_LIBRARY_PATH, rpath, its path file). The library is "
        "in none of them, or only for another machine.",
        says="error while loading shared libraries: libssl.so.3: cannot open shared object file: "
        "No such file or directory",
        remedy="Install the library's package, ship the library beside the program with RUNPATH "
        "$ORIGIN/lib, or run ldconfig if it lies in a configured directory already.",
    ),
    "library-unusable": Code(
        title="The library that the loader opens is not usable",
        cause="The first file that the loader opens decides. It is broken, is no shared library, "
        "or cannot be mapped.",
        says="error while loading shared libraries: /usr/lib/libz.so.1: invalid ELF header",
        remedy="Replace or remove the file that the evidence names.",
    ),
    "dlopen-missing": Code(
        title="A library that the program opens later is not there",
        cause="The program says in a note (.note.dlopen) which libraries it opens with dlopen(3) "
        "once it runs, and how much it needs them: required, recommended or suggested. None of "
        "the names that it would take is where the loader looks, with all that it needs. The "
        "program starts; what it does then is its own choice.",
        says="what the program says where dlopen(3) fails",
        remedy="Install the library for what the note names as required or recommended.",
    ),
    "dlopen-unknown": Code(
        title="Whether a library that is opened later is there was not seen",
        cause="The facts hold nothing about the library that a note of the program names "
        "(.note.dlopen), or the search for it could not be settled. No start hangs on it.",
        says="nothing, or what the program says where dlopen(3) fails",
        remedy="Collect again: preflight probe --for BINARY.",
    ),
    "version-missing": Code(
        title="A library is too old: it lacks a symbol version",
        cause="The program was linked against a newer release of the library. The loader compares "
        "version names before it starts anything.",
        says="/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by ./app)",
        remedy="Build on the oldest release that you ship to, link statically, or update the host.",
    ),
    "version-weak-missing": Code(
        title="An optional symbol version is not there",
        cause="The need is marked weak: the loader warns and starts the program.",
        says="weak version `V' not found (required by ./app)",
        remedy="Nothing, unless the program uses what the version stands for.",
    ),
    "version-info-missing": Code(
        title="A library has no version information",
        cause="The program was linked against a library with symbol versions; the one on the host "
        "has none. The loader warns and binds by name alone.",
        says="no version information available (required by ./app)",
        remedy="Install the distribution's own build of the library.",
    ),
    "version-inconsistent": Code(
        title="The loader would stop with an internal inconsistency",
        cause="A version need names a file that was never asked for under that name, or the "
        "object uses packed relocations (DT_RELR) without saying so in its version needs.",
        says="Inconsistency detected by ld.so: dl-version.c: Assertion `needed != NULL' failed!",
        remedy="Link again, with the sonames that the program was linked against; do not patch "
        "DT_NEEDED alone.",
    ),
    "symbol-missing": Code(
        title="A symbol that must be bound at start is defined nowhere",
        cause="The library that was found does not define a function or variable that the "
        "program, or another library, refers to; pointers, variables and whatever is linked with "
        "BIND_NOW are bound before main, and musl binds everything then.",
        says="symbol lookup error: ./app: undefined symbol: EVP_MD_CTX_new",
        remedy="Install the release of the library that the program was linked against.",
    ),
    "symbol-missing-lazy": Code(
        title="A function is defined nowhere and fails when it is called",
        cause="Functions are bound when they are first called. The program starts; the call, "
        "if it comes, ends it.",
        says="symbol lookup error: ./app: undefined symbol: deflateInit2_",
        remedy="Install the release of the library that the program was linked against. Try with "
        "LD_BIND_NOW=1 to see it at start.",
    ),
    "relocation-unsupported": Code(
        title="The loader does not know a relocation of the file",
        cause="A relocation type that this loader cannot process: a file made for a newer loader "
        "or by an odd linker; for musl also every IFUNC (IRELATIVE).",
        says="Error relocating ./app: unsupported relocation type 37",
        remedy="Build the file for the host's libc; with musl, without IFUNC.",
    ),
    "cpu-level-too-low": Code(
        title="The program or a library needs a newer CPU",
        cause="The file is marked as built for an x86-64 level (x86-64-v2, -v3, -v4) that the "
        "host's CPU does not reach. A static program is not checked and dies of an illegal "
        "instruction instead. A Go program looks at the CPU itself (GOAMD64, GO386, GOARM64), or "
        "dies of an illegal instruction (GOARM, GOPPC64).",
        says="CPU ISA level is lower than required",
        remedy="Build with -march=x86-64 (C, C++), -C target-cpu=x86-64 (Rust), GOAMD64=v1 or "
        "GOARM=6 (Go), or what the fleet has; or choose other hosts.",
    ),
    "kernel-too-old": Code(
        title="The kernel is older than the loader or program allows",
        cause="glibc up to 2.35 refuses to start on a kernel older than the one it was built for.",
        says="FATAL: kernel too old",
        remedy="Update the kernel, or build against an older glibc.",
    ),
    "mount-noexec": Code(
        title="The program, its loader or a library lies on a noexec mount",
        cause="The file system is mounted with noexec: the kernel runs and maps nothing from it.",
        says="Permission denied",
        remedy="Install elsewhere, or mount it with exec.",
    ),
    "exec-policy": Code(
        title="A security policy has the last word on what is executed",
        cause="fapolicyd and IMA appraisal refuse programs that they do not trust, and their word "
        "cannot be read from outside. SELinux lets an unconfined user run the program; a service "
        "needs the file to carry a label that its domain may execute. An executable stack and "
        "relocations in code have to be allowed besides, by SELinux and glibc.rtld.execstack.",
        says="Operation not permitted",
        remedy="fapolicyd-cli --file add PATH, sign the file for IMA, or restorecon -v PATH. Then "
        "start the program once as its service would.",
    ),
    "permission-denied": Code(
        title="The user who starts the program may not reach or execute it",
        cause="A directory on the way to the program may not be searched (x) by that user, or the "
        "program, judged where it lies already, has no x bit for that user. Without any x bit not "
        "even root may execute it.",
        says="Permission denied",
        remedy="Mend the mode or owner (chmod +x), install elsewhere, or start it as another user.",
    ),
    "requirement-system": Code(
        title="The system is not what the application needs",
        cause="The manifest (requires: system) wants another release, kernel or machine, more "
        "memory or more CPUs than the host has. A release is compared by ID and VERSION_ID of "
        "os-release; Rocky, Alma and other rebuilds of RHEL have RHEL's numbers, other systems "
        "that are like one (ID_LIKE) count from a number of their own.",
        says="nothing, until the application misses it",
        remedy="Choose other hosts, update the host, or list its release in the manifest.",
    ),
    "requirement-disk": Code(
        title="Too little room on a disk",
        cause="The manifest (requires: disk) wants more free bytes at that path than its file "
        "system has for users other than root (df -Pk). Of a path that is not there yet the "
        "nearest directory above it counts.",
        says="No space left on device",
        remedy="Make room, or mount a larger file system there.",
    ),
    "requirement-command": Code(
        title="A command is missing, or is too old",
        cause="The manifest (requires: commands) names it. It is searched in the PATH of the "
        "start, else in the usual one; where a version is wanted, the command is run with "
        "--version (or the word that it takes for it) for five seconds at most. Python's own "
        "commands are compared as PEP 440 orders versions, others number by number.",
        says="command not found, or an error of the older command",
        remedy="Install the package that has the command, or give the PATH in which it lies: "
        "start: {env: {PATH: …}}.",
    ),
    "requirement-mount": Code(
        title="A file system is mounted the wrong way",
        cause="The manifest (requires: mounts) wants an option at that path, such as exec, rw or "
        "mountpoint, and the mount that holds it (/proc/self/mountinfo) has the opposite.",
        says="Permission denied; Read-only file system",
        remedy="Mend the options in /etc/fstab or in the service's unit, and mount it again.",
    ),
    "requirement-package": Code(
        title="A package is not installed, or too old",
        cause="The manifest (requires: packages) names it. dpkg or rpm is asked, whichever has a "
        "database there, and its versions are compared in its own order, epochs included.",
        says="nothing, until the application misses it",
        remedy="Install or update the package with the host's package manager.",
    ),
    "requirement-file": Code(
        title="A file is missing, or has another mode, owner or type",
        cause="The manifest (requires: files) names it; links are followed. Whether the user who "
        "starts the program may read it is told by modes alone, without access lists.",
        says="No such file or directory; Permission denied",
        remedy="Put the file there, or mend it with chmod and chown.",
    ),
    "requirement-user": Code(
        title="The host does not know a user",
        cause="The manifest (requires: users) or a start names it, and getent finds it neither "
        "in /etc/passwd nor in a directory service. Without getent, who is not in /etc/passwd is "
        "unknown.",
        says="id: 'app': no such user",
        remedy="Make the user: useradd --system app.",
    ),
    "requirement-group": Code(
        title="The host does not know a group",
        cause="The manifest (requires: groups) names it, and getent finds it neither in "
        "/etc/group nor in a directory service. Without getent, what is not in /etc/group is "
        "unknown.",
        says="invalid group: 'app'",
        remedy="Make the group: groupadd --system app.",
    ),
    "requirement-limit": Code(
        title="A limit of processes is too low",
        cause="The manifest (requires: limits) wants more than the soft limit of a log-in session "
        "of the user who looked (/proc/self/limits). The limits of another start user, and what a "
        "service manager sets, are not seen: such needs are unknown.",
        says="Too many open files; Resource temporarily unavailable",
        remedy="Raise it in /etc/security/limits.conf, or in the service's unit (LimitNOFILE=).",
    ),
    "requirement-sysctl": Code(
        title="The kernel is set the wrong way",
        cause="The manifest (requires: sysctl) wants another value than /proc/sys has.",
        says="nothing, until the application misses it",
        remedy="sysctl -w NAME=VALUE, and a file in /etc/sysctl.d for the next boot.",
    ),
    "requirement-port": Code(
        title="A port is taken, or may be refused to the user",
        cause="The manifest (requires: ports_free) names it. Somebody listens there on one of the "
        "host's addresses, perhaps the release that is to be replaced; or it lies below "
        "ip_unprivileged_port_start and the program is not started as root: that is unknown, as "
        "the user may have CAP_NET_BIND_SERVICE.",
        says="Address already in use; Permission denied",
        remedy="Stop who listens (ss -ltnp says who), or take another port. For a low port: "
        "AmbientCapabilities=CAP_NET_BIND_SERVICE in the unit.",
    ),
    "requirement-reach": Code(
        title="What the application needs is not reached",
        cause="The manifest (requires: reach) names an address or a URL. It was tried from the "
        "host, without a proxy, within ten seconds: the name is not resolved, the connection is "
        "refused or not answered, TLS fails, or the answer is an HTTP status from 400 on. A host "
        "that has nothing to try with (bash, python3 or nc; curl, python3 or GNU wget for a URL) "
        "is unknown.",
        says="Connection refused; Connection timed out; Could not resolve host",
        remedy="Open the way in the firewall, mend the name or the certificates, or start what "
        "does not answer. The evidence has the tool's own words.",
    ),
    "requirement-clock": Code(
        title="The host's clock is wrong",
        cause="The manifest (requires: clock) allows less offset from the clock of the machine "
        "that asks. The host tells its time between two moments of that clock; where the answer "
        "was too slow to decide, it is unknown.",
        says="certificate is not yet valid; token expired",
        remedy="Start chrony or systemd-timesyncd on the host (timedatectl), or mend this "
        "machine's own clock.",
    ),
    "ca-certificates-missing": Code(
        title="The host has no CA certificates",
        cause="The program checks the certificates of servers against those of the host (Go's "
        "crypto/x509, OpenSSL), and none of the places where it looks has any. It starts; every "
        "connection by TLS that it opens fails.",
        says="x509: certificate signed by unknown authority; certificate verify failed",
        remedy="Install ca-certificates, or name a bundle in SSL_CERT_FILE. Go may carry its own: "
        "golang.org/x/crypto/x509roots/fallback.",
    ),
    "timezone-data-missing": Code(
        title="The host has no time-zone data",
        cause="The program asks for time zones by name (time.LoadLocation of Go, std::chrono), and "
        "there is no /usr/share/zoneinfo.",
        says="unknown time zone Europe/Berlin",
        remedy="Install tzdata, or build with -tags timetzdata (Go: import time/tzdata).",
    ),
    "nss-modules": Code(
        title="A static program loads modules of the name service switch",
        cause="glibc in a static program still reads /etc/nsswitch.conf and loads libnss_*.so.2 "
        "for what is named there, and with it the host's own glibc, which has to be of the very "
        "release that the program was linked with. Since 2.34 files and dns are built in. Which "
        "release it was, the program does not tell.",
        says="nothing as a rule: users and hosts are not found; or the program crashes",
        remedy="Link dynamically, or against musl; Go: -tags netgo,osusergo.",
    ),
    "gconv-modules-missing": Code(
        title="The host has no modules for character sets",
        cause="The program converts between character sets with glibc's iconv_open, which loads a "
        "module for all but UTF-8, ASCII and UCS, and the directory of the modules is not there.",
        says="iconv_open: Invalid argument",
        remedy="Install the modules (libc6, libc-gconv-modules-extra, glibc-gconv-extra), or set "
        "GCONV_PATH.",
    ),
    "shm-missing": Code(
        title="The host has no /dev/shm",
        cause="The program calls shm_open or sem_open, which make files in /dev/shm.",
        says="shm_open: No such file or directory; sem_open: Function not implemented",
        remedy="Mount a tmpfs on /dev/shm.",
    ),
    "proc-missing": Code(
        title="/proc is not mounted",
        cause="The program asks for its own path (os.Executable of Go), which is a link in /proc.",
        says="readlink /proc/self/exe: no such file or directory",
        remedy="Mount /proc.",
    ),
    "locale-missing": Code(
        title="The locale of the start is not on the host",
        cause="The start names a locale (LC_ALL, LC_CTYPE, LC_MESSAGES, LANG) and the program asks "
        "for it (setlocale, std::locale), but there is neither an archive of locales nor a "
        "directory of that name in /usr/lib/locale.",
        says="cannot change locale; locale::facet::_S_create_c_locale name not valid",
        remedy="Generate the locale (localedef, locales), or start with LC_ALL=C.UTF-8.",
    ),
    "os-unsupported": Code(
        title="The host does not run Linux",
        cause="Another kernel decides what it runs by rules that preflight does not know.",
        says="depends on the system",
        remedy="Leave the host out: -l 'all:!NAME'.",
    ),
    "libc-unsupported": Code(
        title="The loader is neither glibc's nor musl's",
        cause="The program's loader is there, but by rules that preflight does not know (bionic, "
        "uClibc, a wrapper).",
        says="depends on the loader",
        remedy="Start the program there once by hand.",
    ),
    "install-path-unknown": Code(
        title="Nobody said where the program will lie",
        cause="The answer depends on the program's own directory ($ORIGIN) or working directory.",
        says="nothing",
        remedy="Give --install-path, or start: {install_path: …, cwd: …} in the inventory.",
    ),
    "undecided": Code(
        title="Something could not be settled",
        cause="The host would not let us look, or a rule of this loader is not known well enough "
        "to promise anything.",
        says="nothing",
        remedy="The message names the file and the reason; look at it with the program's own user.",
    ),
    "host-not-probed": Code(
        title="The host could not be asked",
        cause="No connection, no log-in, no shell, or no time left. The hosts table gives the "
        "reason.",
        says="nothing",
        remedy="Mend the connection and run preflight again.",
    ),
    "proof-disagrees": Code(
        title="The host's own loader says otherwise",
        cause="With --prove the host's loader traced a copy of the program, and loads other files "
        "or misses other things than was predicted. The host may have changed in between; if not, "
        "the prediction is wrong.",
        says="what the report shows beside the prediction",
        remedy="Check again. If it stays, please report it: attach the JSON report, and the facts "
        "that preflight probe --for BINARY --save FILE collects of the host.",
    ),
    "not-asked": Code(
        title="The answer was not collected",
        cause="The facts hold nothing about this file: they were collected for another program, or "
        "a limit of the probe was reached.",
        says="nothing",
        remedy="Collect again: preflight probe --for BINARY, or --all.",
    ),
}
