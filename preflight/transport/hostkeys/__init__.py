"""
Who a host is: known_hosts, certificates, revocations, and what to do with a host that is new.

    identity      the entrance: what a host may prove itself with, and whether it did
    ├── record        what is recorded of one host      ── refusal   why a key is not taken
    │   ├── known_hosts   the files of a run            ── index     the lines of one of them
    │   └── offer         what the host shows           ── certificate
    ├── revoked       the file of RevokedHostKeys       ── krl       OpenSSH's binary form of it
    ├── accept        appends the line of a new host
    └── remarks       what is said where a host passes
"""
