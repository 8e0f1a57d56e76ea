"""The journeys in virtual time over the simulated world: hundreds of thousands of customers in minutes."""
