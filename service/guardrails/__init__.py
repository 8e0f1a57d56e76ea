"""Constraints as pure functions over values: each returns the actions it leaves and the reasons for those it takes away.

They run before probabilities are computed, so a logged propensity is always that of the choice really made.
"""
