"""Hypothesis without a clock: a busy machine is no fault of the code."""

from hypothesis import settings

settings.register_profile("binex", deadline=None)
settings.load_profile("binex")
