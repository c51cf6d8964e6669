"""Why tasks failed, and what sort of failure it was."""
