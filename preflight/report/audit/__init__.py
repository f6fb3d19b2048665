"""
What a fleet is: rows of facts, hosts that are alike, outliers, and drift.

`rows` says each fact of a host in words, and all else compares these words.
To add a row: a function there, and a line in its table.
"""
