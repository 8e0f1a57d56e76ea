"""What models were trained on beside what live decisions saw.

Symbols: B is a number of bins, e_b and a_b the shares of bin b in training and in the log (expected and actual), n and m how
many customers each speaks of.
"""
