"""Coupons after the decision: how their codes are made and signed, the keys behind them, and their redemption.

A coupon has two forms. The *code* is short, to be shown and typed. The *token* is the same coupon signed, to be put into a
link or a QR code, and checked by anyone who has the public keys. Both come from one key and one decision id, so that
deciding again gives the same bytes.
"""
