"""Feast's view of the customer features: one entity, a view for each in features/schema.toml, one feature service.

`feast apply` imports every Python file of this folder by its bare name, so a file called like one of our packages would be
replaced by it in silence. Hence one file, and nothing imported but Feast and the standard library. What `apply` registers
are the objects at the module's level. `GARDOON_SNAPSHOTS` says where the snapshot files are, var/feast/snapshots by default.
"""

import os
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

from feast import Entity, FeatureService, FeatureView, Field, FileSource, ValueType
from feast.types import Array, Bool, Float64, Int64, String

PROJECT_FOLDER = Path(__file__).resolve().parents[1]
SNAPSHOTS = os.environ.get("GARDOON_SNAPSHOTS", str(PROJECT_FOLDER / "var" / "feast" / "snapshots"))
DECLARED = tomllib.loads((PROJECT_FOLDER / "features" / "schema.toml").read_text(encoding="utf-8"))["views"]
TYPES = {"float": Float64, "int": Int64, "bool": Bool, "string": String, "float_list": Array(Float64)}


def feature_view(name: str, declared: dict[str, Any], entity: Entity, snapshots: str) -> FeatureView:
    """The declared view over its snapshot file; the freshness limit is its ttl."""
    fields = [
        Field(name=feature, dtype=TYPES[spec["type"]], description=spec["about"])
        for feature, spec in declared["features"].items()
    ]
    source = FileSource(
        name=f"{name}_snapshots",
        path=f"{snapshots.rstrip('/')}/{name}.parquet",
        timestamp_field="event_timestamp",
        created_timestamp_column="created_timestamp",
    )
    return FeatureView(
        name=name,
        description=declared["description"],
        entities=[entity],
        schema=[Field(name=entity.join_key, dtype=String), *fields],
        source=source,
        ttl=timedelta(days=declared["freshness_days"]),
    )


customer = Entity(name="customer", join_keys=["customer_id"], value_type=ValueType.STRING)
profile, rfm, funnel, engagement, coupons, topics = (
    feature_view(name, DECLARED[name], customer, SNAPSHOTS)
    for name in ("profile", "rfm", "funnel", "engagement", "coupons", "topics")
)
decide_v1 = FeatureService(
    name="decide_v1",
    description="every customer feature, for training and for serving",
    features=[profile, rfm, funnel, engagement, coupons, topics],
)
