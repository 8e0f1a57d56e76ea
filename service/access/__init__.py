"""Who may ask what: API keys, bearer tokens of an OIDC issuer, a scope for every endpoint, and limits on how often.

Words: a *caller* is who asks, known by an API key or a token; a *scope* is a kind of request that a caller may make; the
service is *protected* as soon as a key was created or an issuer is set: from then on every request needs a caller.
"""
