"""The three scorers: what each predicts, how it is fitted, calibrated, measured and described.

Symbols: z is a booster's raw margin, p a probability, y a label (0 or 1, or a spend), n a number of rows.
"""
