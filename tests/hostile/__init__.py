"""
One fleet of hosts that hang, lie, drop and flood, beside good ones.

`cases` says what each does and what is to become of it, `sockets`, `scripted`
and `sshds` play them, `run` asks them all in one run; ``python -m
tests.hostile`` writes the results of a run to docs/hostile-hosts.md.
"""
