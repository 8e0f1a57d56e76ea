"""Products that are bought together: counted over the baskets, weighed by a formula, judged on later baskets.

n the baskets; n_p those with the product p, n_pq those with p and q.
"""
