"""What the time of a run was made of."""
