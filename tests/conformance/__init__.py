"""
Every rule of the kernel and the loaders as a scenario: judged, and really started.

A scenario (`scenario`) says which files lie where (`builds` makes them), how
the program is started and on which roots.  `stage` lays it out in a throw-away
copy of a root, `judged` says what preflight expects, `real` what happens.  A
new rule is one more scenario in the table of its family (test_*.py); what the
real loader says is never written down here.
"""
