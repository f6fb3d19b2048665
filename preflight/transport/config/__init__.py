"""
What ssh_config(5) says of a host: the ssh program decides, once for each class of hosts.

`configuration` holds the answers of one run and is the way in.  `reading` knows
which Host and Match lines the files have, `classes` which hosts no such line
tells apart, and `program` asks ``ssh -G`` for one of them.  `fallback` answers
where there is no such program, or not at all.  An `answers.Answer` is in the
words of ``ssh -G``; `tokens` puts a host into it.
"""
