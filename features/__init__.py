"""Customer features: what they are, how they are computed at a moment, and how they are read back.

`schema.toml` declares every feature once (name, type, default, freshness). The definitions (`profile`, `rfm`, `funnel`,
`engagement`, `coupons`) are Ibis expressions over the canonical tables at an `as_of`; `offline` runs them and writes
snapshots, `online` writes and reads the online store in Feast's own format, `encoding` turns what was read into the
vector that scorers and policies see. Nothing here imports the other packages of the project.
"""
