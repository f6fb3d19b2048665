"""
Real hosts for tests: Debian user lands behind one real sshd, on loopback addresses.

`recipes` lists the user lands, `roots` builds and caches them, `runs` mounts
clean copies of them, `binfmt` lets the arm64 one run, `sshd` serves them,
`fleet` puts it together and `outcome` says what a start really does there.
They need root on a Debian machine.  ``python -m tests.hosts --help`` is the
way to them by hand.
"""
