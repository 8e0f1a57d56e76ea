"""The lucky wheel as a page that a shop shows in a frame: it turns to what the service decided, once a period."""
