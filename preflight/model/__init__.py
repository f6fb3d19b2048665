"""
Frozen data that the stages hand to each other, and its JSON codec.

One file a noun: `elf` (what a file says of itself), `requirements` (what is
shipped), `start` (how it will be started), `host` (whom to ask), `question`
(what a check wants to know, and the answers), `snapshot` (what a host has),
`verdict` (what that means) and `report` (the contract).  `text` says how
bytes that may not be UTF-8 travel; `codes` lists every finding.
"""
