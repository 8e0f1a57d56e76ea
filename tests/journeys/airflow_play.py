"""One run of docs/examples/airflow_campaign.py, as `airflow db migrate` and `airflow dags test` make it, in one process.

Run by the Python of the engines: `python -m tests.journeys.airflow_play CUSTOMER...`.
"""

from __future__ import annotations

import sys

from airflow.utils.db import initdb

if __name__ == "__main__":
    initdb()
    from docs.examples.airflow_campaign import campaign

    ended = campaign.test(run_conf={"customers": sys.argv[1:]})
    sys.exit(ended.state != "success")
