"""Deciding for a whole segment: the same decisions as one by one, in parts that a run which was cut off goes on after.

A run has a folder: `run.json` says what is decided, `customers.parquet` for whom, `part-00000.parquet` and so on
what came out.
"""
