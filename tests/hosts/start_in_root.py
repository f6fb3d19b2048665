"""
Starts one program in a root and says what became of it; `outcome` runs this as process 1.

A program of its own, so that execve's errno comes back as it is: neither a
shell nor chroot(1) stands between.  Its argument is a JSON object: `root`,
`program` (what to execute: a path, or the number of an open file), `argv`,
`env`, and `report`, the number of the file for the answer.
"""

import json
import os
import sys
from typing import Any, NoReturn


def main() -> None:
    """Start the program, wait for it, and write the answer as JSON."""
    task = json.loads(sys.argv[1])
    error_out, error_in = os.pipe()
    child = os.fork()
    if child == 0:
        _become(task, error_in)
    os.close(error_in)
    errno = os.read(error_out, 16)
    _pid, status = os.waitpid(child, 0)
    answer = {"errno": int(errno)} if errno else {"exit": os.waitstatus_to_exitcode(status)}
    os.write(task["report"], json.dumps(answer).encode())


def _become(task: dict[str, Any], error_in: int) -> NoReturn:
    """Execute the program, which closes *error_in*, or write the errno to it."""
    os.close(task["report"])
    os.chroot(task["root"])
    os.chdir("/")
    try:
        os.execve(task["program"], task["argv"], task["env"])
    except OSError as error:
        os.write(error_in, str(error.errno).encode())
    os._exit(255)


main()
