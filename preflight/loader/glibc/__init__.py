"""
The GNU C library's dynamic loader, ld.so.

`load` walks the dependencies (elf/dl-deps.c), `search` names the places
(elf/dl-load.c, _dl_map_object), `cache` reads ld.so.cache (elf/dl-cache.c),
`candidate` decides about one file (open_verify, _dl_map_object_from_fd),
`tokens` expands $ORIGIN and its like, `versions` checks version needs
(elf/dl-version.c) and `release` holds what changed from release to release.
"""
