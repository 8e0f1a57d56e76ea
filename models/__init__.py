"""The decision maths: policies, scorers and the data they are stored as. Code only; trained artifacts live in MLflow.

Request schemas are in `service/schemas.py`. Nothing here does I/O or reads a clock: time and randomness are arguments.

Symbols used throughout:
    x        context, the raw inputs of one policy in its own order, `(n_inputs,)`
    a, K     an action, the number of actions
    r        reward
    m, s     posterior mean and standard deviation of an action's expected reward in this context
    p        the policy's probability of each action, `(n_actions,)`; the chosen one's is the propensity
"""
