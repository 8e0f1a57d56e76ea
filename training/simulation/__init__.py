"""A simulated world whose customers are a data set's households: what they do stands in for feedback that the data lack.

`shop` reads the real households, `traits` gives them hidden preferences, `world` holds the truth (what would come of any
action), `calibration` sets its free parameters by the talk's rates, `drift` lets preferences turn, `history` writes a year
of messages as events, `rounds` simulates decisions, `delays` says when answers come. Everything made here is labelled
simulated where it is stored. Nothing said to a household changes its real orders, and only `drift` changes a world.

Randomness comes from two arguments. What belongs to one household is drawn from (`seed`, its id), so it stays the same
whoever else is in the data; what belongs to no household is drawn from `rng`.
"""
