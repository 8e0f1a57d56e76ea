"""The tables of the log."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()

decisions = Table(
    "decisions",
    metadata,
    Column("decision_id", String(36), primary_key=True),
    Column("decided_at", BigInteger, nullable=False),
    Column("effective_at", BigInteger, nullable=False),
    Column("customer_id", String(128), nullable=False),
    Column("journey", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("group_name", String(32), nullable=False),
    Column("repeats", String(36)),  # the decision whose draw it answered again
    Column("record", LargeBinary, nullable=False),
    Index("decisions_by_journey", "journey", "effective_at"),
    Index("decisions_by_time", "journey", "decided_at"),
    Index("decisions_by_customer", "customer_id"),
    postgresql_partition_by="RANGE (decision_id)",  # by month, see service/store/partition.py
)

outcomes = Table(
    "outcomes",
    metadata,
    Column("event_id", String(128), primary_key=True),
    Column("decision_id", String(36), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("value", Float, nullable=False),
    Column("currency", String(3)),
    Column("occurred_at", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("snapshot", Integer),  # the snapshot that took it in; null until then
    Index("outcomes_by_decision", "decision_id"),
    Index("outcomes_to_learn", "snapshot"),
)

rewards = Table(
    "rewards",
    metadata,
    Column("decision_id", String(36), primary_key=True),
    Column("decision", String(16), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("reward", Float, nullable=False),
    Column("snapshot", Integer, nullable=False),
)

folds = Table(
    "folds",
    metadata,
    Column("name", String(64), primary_key=True),  # of a policy
    Column(
        "content", LargeBinary, nullable=False
    ),  # its state after every closed round, as of the newest snapshot
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("snapshot", Integer, primary_key=True, autoincrement=False),
    Column("created_at", BigInteger, nullable=False),
    Column("scanned_until", BigInteger, nullable=False),  # windows that closed before this are learnt
    Column("champions", Text, nullable=False),  # JSON: champion name → digest it started from
    Column("policies", Text, nullable=False),  # JSON: policy name → digest of its state
)

champions = Table(
    "champions",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("digest", String(16), nullable=False),
    Column("registry_version", String(32), nullable=False),
    Column("moved_at", BigInteger, nullable=False),
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("digest", String(16), primary_key=True),
    Column("kind", String(64), nullable=False),
    Column("content", LargeBinary, nullable=False),
)

shadow_progress = Table(
    "shadow_progress",
    metadata,
    Column("name", String(64), primary_key=True),  # of a scorer or policy
    Column("digest", String(16), primary_key=True),  # of its challenger
    Column("decision_id", String(36), nullable=False),  # the last decision that it looked at
    Column("started_at", BigInteger, nullable=False),
)

shadow_scores = Table(
    "shadow_scores",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("digest", String(16), primary_key=True),
    Column("decision_id", String(36), primary_key=True),
    Column("score", Float, nullable=False),  # a policy's: its probability of the logged action
    Column("agreement", Float),  # of a policy's distribution with the logged one, 0 to 1; null of a scorer
)

standings = Table(
    "standings",
    metadata,
    Column("customer_id", String(128), primary_key=True),
    Column(
        "version", Integer, nullable=False
    ),  # moves with every claim taken, so that no two decisions claim from the same
)

messages = Table(
    "messages",
    metadata,
    Column("decision_id", String(36), primary_key=True),
    Column("customer_id", String(128), nullable=False),
    Column("journey", String(64), nullable=False),
    Column("channel", String(16)),
    Column("tags", Text, nullable=False),  # JSON list
    Column("due_at", BigInteger, nullable=False),
    Column("lapses_at", BigInteger),  # not counted after it; null once it is known to have gone out
    Index("messages_by_customer", "customer_id", "due_at"),
)

draws = Table(
    "draws",
    metadata,
    Column("customer_id", String(128), primary_key=True),
    Column("journey", String(64), primary_key=True),
    Column("period", String(16), primary_key=True),  # 2026-11-22, 2026-W47 or 2026-11 in the customer's zone
    Column("decision_id", String(36), nullable=False),
    Column("coupon", Text),  # JSON as answered; null where the draw was no coupon
    Column(
        "ends_at", BigInteger, nullable=False
    ),  # of the period: till then nothing is drawn, whatever zone is known
    Column("lapses_at", BigInteger),  # of a deferred decision that is not activated yet
)

activations = Table(
    "activations",
    metadata,
    Column("decision_id", String(36), primary_key=True),  # of a deferred decision
    Column("activated_at", BigInteger, nullable=False),
    Index("activations_by_time", "activated_at"),
)

budgets = Table(
    "budgets",
    metadata,
    Column("journey", String(64), primary_key=True),
    Column("day", String(10), primary_key=True),  # of the shop's zone
    Column("used", BigInteger, nullable=False),  # face value out or redeemed
    Column("price", Float, nullable=False),  # the shadow price that paces it
)

coupons = Table(
    "coupons",
    metadata,
    Column("decision_id", String(36), primary_key=True),
    Column("customer_id", String(128), nullable=False),
    Column("journey", String(64), nullable=False),
    Column("code", String(19), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("day", String(10)),  # whose budget it is from; null where that has no limit
    Column("expires_at", BigInteger, nullable=False),
    Column("lapses_at", BigInteger, nullable=False),  # released then: expired, or not activated
    Column("state", String(16), nullable=False),  # deferred, out, redeemed or released
    Column("order_id", String(128)),  # that redeemed it
    Column("redeemed_at", BigInteger),
    Column("discount", BigInteger),  # what it took off the order
    Index("coupons_by_lapse", "state", "lapses_at"),
    Index("coupons_by_code", "code", unique=True),
    Index("coupons_by_customer", "customer_id"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("scope", String(64), primary_key=True),  # of the caller that chose the key
    Column("key", String(288), primary_key=True),
    Column(
        "fingerprint", String(64), nullable=False
    ),  # of the request, to tell another one under the same key
    Column("claimed_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("decision_id", String(36)),  # the decision that answers the key, committed with it
    Column("content", LargeBinary),  # the answer, where it is no decision
    Index("idempotency_keys_by_expiry", "expires_at"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", String(12), primary_key=True),
    Column("label", String(64), nullable=False),  # for people; several keys may have the same
    Column("secret_hash", LargeBinary, nullable=False),
    Column("previous_hash", LargeBinary),  # of the secret before the last rotation, honoured for a while
    Column("previous_until", BigInteger),
    Column("scopes", Text, nullable=False),  # names with a blank between
    Column("rate_limit", String(32)),  # "50/second"; null: the default of the settings
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),  # a revoked key's row stays: with it the service stays protected
    Column("last_used_at", BigInteger),  # to the minute, not per request
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("entry", Integer, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", String(256), nullable=False),  # who did it: user@host, key:ID or oidc:SUBJECT
    Column("act", String(32), nullable=False),
    Column("subject", String(128), nullable=False),  # on whom or what; of a customer only a keyed hash
    Column("detail", Text, nullable=False),  # JSON, without customer data
    Index("audit_log_by_subject", "subject"),
)

rank_events = Table(
    "rank_events",
    metadata,
    Column("loop", String(64), primary_key=True),
    Column("event_id", String(256), primary_key=True),
    Column("ranked_at", BigInteger, nullable=False),
    Column("activated_at", BigInteger),  # null: deferred, and nobody said yet that it was shown
    Column(
        "fingerprint", String(64), nullable=False
    ),  # of the request, to tell another one under the same id
    Column("request", LargeBinary, nullable=False),  # JSON: context, actions and features as they came
    Column("probabilities", Text, nullable=False),  # JSON: of each action, in the order of the request
    Column("action", Integer, nullable=False),  # the chosen one's place in the request
    Column("model", Integer, nullable=False),  # the rank model that chose; 0: none yet
    Column("answer", LargeBinary, nullable=False),
    Column("reward", Float),  # the first that came
    Column("rewarded_at", BigInteger),
    Column("learnt", Integer),  # the rank model that took it in; null until then
    Index("rank_events_to_learn", "learnt", "activated_at"),
)

rank_models = Table(
    "rank_models",
    metadata,
    Column("loop", String(64), primary_key=True),
    Column("model", Integer, nullable=False),  # counts up from 1
    Column("content", LargeBinary, nullable=False),  # the artifact: sums over every round learnt
)

erasures = Table(
    "erasures",
    metadata,
    Column("pseudonym", String(128), primary_key=True),  # stands for a customer that was forgotten
    Column("erased_at", BigInteger, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("message_id", String(128), primary_key=True),
    Column("customer_id", String(128)),  # null: of somebody who is not known yet
    Column("anonymous_id", String(128)),
    Column("type", String(16), nullable=False),
    Column("name", String(128)),  # of a track event, a page or a screen; the id of a group
    Column("occurred_at", BigInteger, nullable=False),  # by our clock
    Column("received_at", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),  # JSON: properties or traits, and context
    Index("events_by_customer", "customer_id", "occurred_at"),
    Index("events_by_anonymous", "anonymous_id"),
    Index("events_by_time", "received_at"),
)

identities = Table(
    "identities",
    metadata,
    Column("anonymous_id", String(128), primary_key=True),
    Column("customer_id", String(128), nullable=False),  # who it was last identified as
    Column("joined_at", BigInteger, nullable=False),
    Index("identities_by_customer", "customer_id"),
)

traits = Table(
    "traits",
    metadata,
    Column("customer_id", String(128), primary_key=True),
    Column("name", String(128), primary_key=True),
    Column("value", LargeBinary, nullable=False),  # JSON; null: taken back
    Column("told_at", BigInteger, nullable=False),  # when it was so; what comes late does not replace it
)

events_aside = Table(
    "events_aside",
    metadata,
    Column("message_id", String(128), primary_key=True),
    Column("customer_id", String(128)),
    Column("anonymous_id", String(128)),
    Column("name", String(128)),
    Column("received_at", BigInteger, nullable=False),
    Column("field", String(256), nullable=False),  # where it is not as it must be
    Column("fault", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),  # JSON: the message as it came
    Index("events_aside_by_customer", "customer_id"),
    Index("events_aside_by_time", "received_at"),
)

stale_features = Table(
    "stale_features",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("customer_id", String(128), nullable=False),
    Column(
        "cause", String(8), nullable=False
    ),  # event: told something; window: a count changes; base: all anew
    Column("due_at", BigInteger, nullable=False),  # the features are out of date from then on
    Column("changed", String(128), nullable=False),  # see features/touched.py; empty: everything
    Index("stale_features_by_due", "cause", "due_at"),
    Index("stale_features_by_customer", "customer_id"),
)
