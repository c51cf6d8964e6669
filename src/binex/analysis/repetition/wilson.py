"""How far a rate that was seen in a few samples can be from the true one."""

import math
from statistics import NormalDist
from typing import NamedTuple


class Interval(NamedTuple):
    """The bounds between which the true rate probably is."""

    low: float
    high: float


def wilson_interval(passed: int, total: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval for *passed* of *total*; everything is possible where nothing was tried.

    Unlike the usual interval around the mean it is of use for few samples, and for rates near 0 and 1. The formula is
    that of E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the
    American Statistical Association 22 (1927), 209-212, without a correction for continuity; see also L. D. Brown,
    T. T. Cai and A. DasGupta, "Interval estimation for a binomial proportion", Statistical Science 16 (2001), 101-133,
    equation (4).
    """
    if not total:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    rate, weight = passed / total, z * z / total
    middle = (rate + weight / 2) / (1 + weight)
    reach = z / (1 + weight) * math.sqrt(rate * (1 - rate) / total + weight / (4 * total))
    # The bound at a rate of 0 or 1 is exactly that; rounding would put it a little beside.
    return Interval(0.0 if passed == 0 else middle - reach, 1.0 if passed == total else middle + reach)
