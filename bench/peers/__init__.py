"""
Preflight beside other ways to run a command on many hosts, over the same real sshd sessions.

`hosts` is one real sshd that answers at 200 addresses, `clients` are the
peers that are Python libraries, `commands` those that are programs, and
`python -m bench.peers` runs them all in turns.
"""
