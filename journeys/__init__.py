"""The reference journeys: definitions, the interpreter that reads them, and a durable runner; a client of the service.

`definitions/*.yaml` say what a journey does; `interpreter.py` is a pure function of (definition, run, signal) to (run,
commands), read by the runner and by anything else that has a clock. Nothing here imports the service.
"""
