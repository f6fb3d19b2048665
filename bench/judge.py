"""
How long one judgement takes beside `ldd -r` of the same program in the same root.

The program is sid's curl with about twenty libraries; facts and Elf values
are in memory, as they are for every host but the first of an image.  Needs
root on Debian: python -m bench.judge
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from bench._timing import best_s
from preflight.analyze import analyze
from preflight.judge import judge
from preflight.model.snapshot import Snapshot
from preflight.model.start import Start
from tests.builders.host import FACTS
from tests.builders.rootfs import RootFs
from tests.hosts import roots

PROGRAM = "/usr/bin/curl"


def main() -> None:
    """Measure and print."""
    root = Path(roots.build()["sid"])
    needs = analyze(f"{root}{PROGRAM}")
    answers = RootFs(str(root))
    host = Snapshot(host="sid", address="", status="probed", facts=FACTS, answers=answers.answers)
    while (judgement := judge(needs, Start(), host)).questions:
        answers.answer_all(judgement.questions)
    ours = best_s(lambda: judge(needs, Start(), host), 9)
    ldd = ["chroot", str(root), "ldd", "-r", PROGRAM]
    theirs = best_s(lambda: subprocess.run(ldd, check=True, stdout=subprocess.DEVNULL), 9)
    count = len(judgement.verdict.libraries)
    print(f"curl of sid, {count} libraries, {judgement.verdict.outcome}")
    print(f"judged in {ours * 1e3:.1f} ms, ldd -r {theirs * 1e3:.1f} ms: {ours / theirs:.2f} times")


if __name__ == "__main__":
    main()
