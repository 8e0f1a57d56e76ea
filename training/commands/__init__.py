"""The batch commands, a room for each kind of work; `training.cli` puts them together."""
