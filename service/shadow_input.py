"""A logged decision's inputs once more, for a policy that may want others than the one that decided."""

from __future__ import annotations

import json
from itertools import takewhile

from models.feedback import Floats
from models.inputs import JOURNEY, SCORES, Inputs, journey_number
from service.course import customer_zone
from service.record import DecisionRecord, Round


def logged_inputs(record: DecisionRecord, round_: Round, names: tuple[str, ...]) -> Floats:
    """Every input as it stood before this round's choice, `(n_inputs,)`, in the order of `names`.

    `names` are those of `models.inputs.input_names`. What the round logged is taken as logged; the rest comes from the
    record: the feature vector, the scores as answered (money in whole numbers), the moment in the customer's zone, the
    journey and the choices before this one.
    """
    inputs = Inputs(names=names, features=record.feature_values())
    scores = json.loads(record.answer)["scores"]
    for score in SCORES:
        inputs.set(score, float(scores[score]))
    zone = customer_zone(record.time_zone, record.shop.time_zone)
    inputs.set_moment(record.decided_at.astimezone(zone))
    inputs.set(JOURNEY, journey_number(record.request.journey))
    for earlier in takewhile(lambda each: each.decision != round_.decision, record.rounds):
        if earlier.decision == "channel":
            inputs.set(f"channel_{earlier.chosen}", 1.0)
        elif earlier.decision == "send_time":
            inputs.set("send_hour", float(earlier.chosen))
    places = {name: place for place, name in enumerate(names)}
    for name, value in zip(round_.inputs, round_.context_array(), strict=True):
        if name in places:
            inputs.values[places[name]] = value
    return inputs.values
