"""Offline evaluation: what would another policy have earned on the rounds we logged? One estimator a file.

The path of an evaluation: `LoggedFeedback` and the evaluation policy's probabilities → `EvaluatedRounds` (`rounds`), whose
columns are all that an estimator may see → per-round terms → `Moments`, which add over shards → `Estimate`.

Symbols used throughout:
    n        number of logged rounds; i one of them
    x, a, r  context, logged action, reward
    p        propensity: the behaviour policy's probability of the logged action, after masking
    π        the evaluation policy; π(a|x) its probability of an action
    w        importance weight π(a|x)/p of a round
    q(x,a)   a reward model's prediction; q(x,π) = Σ_a π(a|x)·q(x,a)
    V        the policy value: the expected reward per round if π had acted
    ESS      effective sample size (Σw)²/Σw² (Kish)

Every interval takes the rounds as independent and the logged propensities as true.
"""
