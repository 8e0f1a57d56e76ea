"""Data in: outside tables to the canonical ones of `features.tables`, with every refused row accounted for.

`complete_journey` reads the public grocery data, `orders` anyone's own files by column mapping, `rejects` tells which rows
were refused and why, `dataset` writes the result and reads its manifest.
"""
