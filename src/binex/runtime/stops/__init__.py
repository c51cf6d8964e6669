"""Runs that stop for somebody: at breakpoints, and while somebody steps."""
