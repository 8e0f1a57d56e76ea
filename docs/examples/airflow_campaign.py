"""A campaign in Airflow: decide for a list of customers in one call, hand over what is to be sent, tell what became of it.

    AIRFLOW_CONN_GARDOON='{"conn_type": "http", "host": "https://gardoon.example.com", "password": "gdn_..."}'
    airflow dags trigger price_drop_campaign --conf '{"customers": ["1453", "1454"]}'

Where keys are used, `Authorization: Bearer {{ conn.gardoon.password }}` goes into HEADERS.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import requests
from airflow.providers.http.operators.http import HttpOperator
from airflow.sdk import Param, dag, task

HEADERS = {"Idempotency-Key": "{{ run_id }}/{{ task.task_id }}"}
"""The same for every try of a task in a run, so that a task that is tried again gets the decisions that were made."""


def answers(response: requests.Response) -> list[dict[str, Any]]:
    """The decisions: a line a customer."""
    lines = [json.loads(line) for line in response.text.splitlines()]
    return [line["answer"] for line in lines if line["status"] == 200]


@dag(schedule=None, params={"customers": Param([], type="array", maxItems=1000)})
def price_drop_campaign() -> None:
    decide = HttpOperator(
        task_id="decide",
        http_conn_id="gardoon",
        endpoint="/v1/decide/batch",
        headers={**HEADERS, "Content-Type": "application/x-ndjson"},
        data="{% for customer_id in params.customers %}"
        "{{ {'customer_id': customer_id, 'journey': 'price_drop', 'decide': ['channel']} | tojson }}\n"
        "{% endfor %}",
        response_filter=answers,
        retries=3,
    )

    @task
    def send(decided: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Hand over each message (here it is printed); the outcomes."""
        told = []
        for each in decided:
            if each["status"] != "act":
                continue
            print(f"{each['channel']} to {each['customer_id']}: The price fell")
            told.append(
                {
                    "event_id": f"{each['decision_id']}/delivered",
                    "decision_id": each["decision_id"],
                    "kind": "delivered",
                    "occurred_at": datetime.now(UTC).isoformat(),
                }
            )
        return told

    tell = HttpOperator(
        task_id="tell",
        http_conn_id="gardoon",
        endpoint="/v1/outcomes",
        headers={**HEADERS, "Content-Type": "application/json"},
        data="{{ {'outcomes': ti.xcom_pull(task_ids='send')} | tojson }}",
        response_check=lambda response: all(each["status"] < 300 for each in response.json()["results"]),
        retries=3,
    )
    send(decide.output) >> tell


campaign = price_drop_campaign()
