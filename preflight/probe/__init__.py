"""
What a host has: one POSIX-sh script, pure parsers, and a store of what was read before.

`script.sh` runs on the host; `script` sends it, `frames` reads what it prints,
`requests` writes one round of requests and sorts its answers.  `states` and
`facts` parse outputs.  `knowledge` decides what to ask next, `interview` does
the asking.  `store` keeps what was read, `memo` what a host's files were.
"""
