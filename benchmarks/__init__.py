"""What Binex costs in time, memory and space, measured beside its limit and its peers."""
