"""HTTP in, decision out: the service that journey engines call, its log and its learner."""

VERSION = "0.1.0"
