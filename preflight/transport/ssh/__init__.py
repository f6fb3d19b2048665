"""
SSH by paramiko.

`session` offers the transport; `dial` and `gateway` reach the host, `link` holds
the connection, `login` proves who we are and `stream` runs a command.
"""
