"""
The GNU C library's dynamic loader, ld.so.

`load` walks the dependencies (elf/dl-deps.c) and grows the list of `linkmap`;
`attempt` looks for one library in the places that `search` names
(elf/dl-load.c, _dl_map_object), with `cache` (elf/dl-cache.c), `hardware`
(elf/dl-hwcaps.c) and `tokens` ($ORIGIN and its like); `candidate` decides
about one file (open_verify, _dl_map_object_from_fd).  `versions` checks
version needs (elf/dl-version.c), `symbols` and `binding` bind references
(elf/dl-lookup.c) in the `order` of relocation (elf/dl-sort-maps.c), and
`release` holds what changed from release to release.
"""
