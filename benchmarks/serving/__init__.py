"""What a decision costs over HTTP, beside an endpoint that does nothing and beside what others offer for parts of it."""
