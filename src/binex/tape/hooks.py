"""Makes HTTP record itself, whatever library makes it, on the tape of the attempt that it is made for.

``install_hooks`` changes httpx, httpx2, urllib3 (and so requests and boto) and aiohttp where they send a request over
the wire. It imports none of them: one that is not imported yet is changed when it is. Where no attempt is recorded,
a request goes its own way.

A request belongs to the attempt in whose context it is made: on the loop, in tasks that are started there, and in
our threads. A thread that the user's code starts itself has no such context, and its requests are not recorded.
Neither are those of transports that the user wrote, nor what never goes over a wire (ASGI, mocks).
"""

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Final

Hook = Callable[[ModuleType], None]


def _hook_httpx(module: ModuleType) -> None:
    from binex.tape.httpx_hook import hook

    hook(module)


def _hook_urllib3(module: ModuleType) -> None:
    from binex.tape.urllib3_hook import hook

    hook(module)


def _hook_aiohttp(module: ModuleType) -> None:
    from binex.tape.aiohttp_hook import hook

    hook(module)


_HOOKS: Final[dict[str, Hook]] = {
    "httpx": _hook_httpx,
    "httpx2": _hook_httpx,
    "urllib3": _hook_urllib3,
    "aiohttp": _hook_aiohttp,
}


def install_hooks() -> None:
    """Hook what is imported, and what will be. To do it again changes nothing."""
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    waiting = dict(_HOOKS)
    sys.meta_path.insert(0, _Finder(waiting))
    for name in _HOOKS:
        module = sys.modules.get(name)
        if module is not None and not _is_being_imported(module):
            del waiting[name]
            _HOOKS[name](module)


def _is_being_imported(module: ModuleType) -> bool:
    return bool(getattr(module.__spec__, "_initializing", False))


class _Finder(MetaPathFinder):
    """Finds what others find, and sees that it is hooked once it is loaded. To look for a module changes nothing."""

    def __init__(self, waiting: dict[str, Hook]) -> None:
        self._waiting = waiting

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in self._waiting:
            return None
        others = [finder for finder in sys.meta_path if finder is not self]
        found = (finder.find_spec(name, path, target) for finder in others if hasattr(finder, "find_spec"))
        spec = next((spec for spec in found if spec is not None), None)
        if spec is not None and spec.loader is not None:
            spec.loader = _HookingLoader(spec.loader, self.hook)
        return spec

    def hook(self, module: ModuleType) -> None:
        """Hook *module*, which has just been loaded."""
        hook = self._waiting.pop(module.__name__, None)
        if hook is not None:
            hook(module)


class _HookingLoader(Loader):
    """Loads as another loader does, and then hooks."""

    def __init__(self, loader: Loader, hook: Hook) -> None:
        self._loader = loader
        self._hook = hook

    def __getattr__(self, name: str) -> object:
        return getattr(self._loader, name)  # readers of resources and of sources

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._hook(module)
