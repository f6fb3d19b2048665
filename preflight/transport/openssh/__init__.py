"""
SSH by the system's own `ssh`: Kerberos, hardware keys, host certificates, old servers.

`session` offers the transport.  `command` writes the command line and `master`
runs it; `mux` starts commands over the one connection, `stream` talks to them,
and `complaint` understands what ssh says when it fails.
"""
