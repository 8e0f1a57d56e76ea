"""The numbers that a shop is managed by, one measure a file; definitions and formulas are in docs/measures.md.

Measures are functions of arrays; `shop_facts.py` and `log_facts.py` read what they are made of. A customer is a place in
`customer_ids`; times end in `_us`, microseconds since 1970 UTC; amounts are in the shop's currency.
"""
