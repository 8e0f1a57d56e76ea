"""A service under constant load while its parts are killed and started again, audited afterwards."""
