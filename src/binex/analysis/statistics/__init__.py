"""How workflows and nodes did over time."""
