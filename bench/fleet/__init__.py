"""
Ten thousand hosts on one machine, for measuring what asks them.

`images` says what 50 kinds of hosts have, recorded by `recorder` from the real
roots of tests/hosts; `server` plays them, one process and any number of
addresses of 127.0.0.0/8; `serving` starts such processes and writes what
clients need.
"""
