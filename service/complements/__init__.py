"""Products that go with a cart: `POST /v1/complements`."""
