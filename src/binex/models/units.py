"""Durations, sizes and counts as people read them."""


def duration(ms: float) -> str:
    """``0.4 ms``, ``12 ms``, ``1.2 s``, ``3 m 05 s``, ``2 h 10 m``, ``3 d 4 h``."""
    if ms < 10:
        return f"{ms:.1f} ms" if ms >= 0.05 else "0 ms"
    if ms < 999.5:
        return f"{ms:.0f} ms"
    seconds = ms / 1000
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, left = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} m {left:02} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02} m"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"


def size(count: int) -> str:
    """``120 B``, ``3.4 KiB``, ``10 MiB``."""
    if count < 1024:
        return f"{count} B"
    value = float(count)
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        value /= 1024
        if value < 1023.5 or unit == "TiB":
            break
    return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"


def count(number: int, what: str) -> str:
    """``1 task``, ``12 tasks``, ``1,200 tasks``."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")
