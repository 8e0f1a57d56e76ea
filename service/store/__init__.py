"""The log of record: decisions, outcomes, rewards, snapshots and the artifacts they name, on SQLite or PostgreSQL.

Times are microseconds since 1970 UTC: exact, ordered and the same on both databases.
"""
