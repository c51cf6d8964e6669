"""Reads the workflow of a run once for all that is asked about it: a large one takes longer than the answer."""

from collections import OrderedDict
from threading import Lock
from typing import Final

from binex.loader import Bound, bind_source
from binex.models.workflow_source import WorkflowSource

_MOST: Final = 8
_MOST_CHARACTERS: Final = 4 * 1024 * 1024

_lock = Lock()
_kept: "OrderedDict[str, tuple[WorkflowSource, Bound]]" = OrderedDict()


def bind_kept(source: WorkflowSource) -> Bound:
    """What :func:`bind_source` says; it is remembered for the workflows that were asked about last.

    Raises:
        WorkflowError: it cannot be used.
    """
    with _lock:
        found = _kept.get(source.text)
        if found is not None and found[0] == source:
            _kept.move_to_end(source.text)
            return found[1]
    bound = bind_source(source)
    with _lock:
        _kept[source.text] = source, bound
        while len(_kept) > _MOST or sum(map(len, _kept)) > _MOST_CHARACTERS:
            _kept.popitem(last=False)
    return bound
