"""Why the wheel's learning policy earns more or less than the talk's rule: both beside who knows the simulated truth."""
