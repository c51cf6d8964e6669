"""Which change between two runs it was."""
