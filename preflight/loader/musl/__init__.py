"""
musl's dynamic loader, ldso/dynlink.c.

`load` walks the dependencies and names the places.  musl knows no versions,
no CPU levels and no ABI tags, prints every error before it gives up, and
relocates everything at start.
"""
