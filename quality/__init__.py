"""What is trusted: clean rows, checks, quarantine, and the books that account for every row.

Belongs here: judging values and tables by their contracts. Does not belong here: reading files (`sources`), linking addresses
(`addressing`), keeping tables (`warehouse`).
"""
