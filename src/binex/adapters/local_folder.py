"""Imports the modules of a workflow's folder, each folder for itself.

Every folder is a package with a made-up name (``_folder_3f2a9c1b7d``), and its modules are imported as
parts of that package. So two folders may both have a ``steps.py``, a ``statistics.py`` of the user's does
not hide the standard library's from anybody else, and ``sys.path`` stays as it is. Inside such modules,
``import helpers`` means the neighbour: they get an ``__import__`` of their own through ``__builtins__``,
where Python looks it up, also for imports inside functions that run later and in other threads.

A module is executed once for all sessions of the process, until its file changes.
"""

import builtins
import hashlib
import importlib
import os
import re
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    SourceFileLoader,
    SourcelessFileLoader,
)
from types import ModuleType
from typing import Any

from binex.adapters.local_finding import belongs_to_folder

_PREFIX = "_folder_"
_NAMES = re.compile(rf"\b{_PREFIX}[0-9a-f]{{10}}_\d+\.")


def plain_names(text: str) -> str:
    """*text* with the names of modules as the user wrote them."""
    return _NAMES.sub("", text)


def open_folder(path: str) -> "Folder":
    """The folder at the absolute *path*; a new one where a file that was imported has changed since."""
    return _FINDER.open(path)


class Folder:
    """One folder's modules, as they were when they were first imported."""

    def __init__(self, path: str, generation: int) -> None:
        self.path = path
        self.generation = generation
        self.package = f"{_PREFIX}{hashlib.sha256(path.encode()).hexdigest()[:10]}_{generation}"
        self.builtins = {**vars(builtins), "__import__": self._import}
        self._files: dict[str, tuple[int, int]] = {}
        self._owned: dict[str, bool] = {}
        self._listed_at = 0

    def import_module(self, name: str) -> ModuleType:
        """The module of the folder, executed if this is the first time."""
        return importlib.import_module(f"{self.package}.{name}")

    def is_current(self) -> bool:
        """Whether every file that was executed is still the same."""
        return all(_stamp(file) == stamp for file, stamp in list(self._files.items()))

    def note_file(self, file: str) -> None:
        self._files[file] = _stamp(file)

    def _owns(self, top: str) -> bool:
        """Whether ``import top`` means a module of the folder; remembered until a file comes or goes."""
        listed_at = _stamp(self.path)[0]
        if listed_at != self._listed_at:
            self._owned, self._listed_at = {}, listed_at
        owned = self._owned.get(top)
        if owned is None:
            owned = self._owned[top] = belongs_to_folder(self.path, top)
        return owned

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        top = name.partition(".")[0]
        if level or not self._owns(top):
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        try:
            module = builtins.__import__(f"{self.package}.{name}", globals, locals, fromlist or (), 0)
        except ImportError as error:
            error.msg = plain_names(error.msg)
            error.name = plain_names(error.name) if error.name else error.name
            error.args = (error.msg,)
            raise
        return module if fromlist else sys.modules[f"{self.package}.{top}"]


class _InFolder:
    """What the loaders of a folder's modules have in common."""

    folder: Folder

    def exec_module(self, module: ModuleType) -> None:
        if module.__file__ is not None:
            self.folder.note_file(module.__file__)
        module.__dict__["__builtins__"] = self.folder.builtins
        super().exec_module(module)  # type: ignore[misc]


class _SourceLoader(_InFolder, SourceFileLoader):  # type: ignore[misc] # typeshed's bases disagree
    def path_stats(self, path: str) -> Mapping[str, Any]:
        """Nothing, so that compiled code is neither kept nor taken.

        Python takes it for that of a file of the same size and second, and so for what was saved before.
        """
        raise OSError(f"what {path} is compiled to is not kept")


class _BytecodeLoader(_InFolder, SourcelessFileLoader):
    pass


class _Finder:
    """Finds the modules of all folders by their made-up names. There is one, as there is one ``sys.modules``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_path: dict[str, Folder] = {}
        self._by_package: dict[str, Folder] = {}

    def open(self, path: str) -> Folder:
        with self._lock:
            folder = self._by_path.get(path)
            if folder is None or not folder.is_current():
                folder = self._by_path[path] = Folder(path, 1 if folder is None else folder.generation + 1)
                package = ModuleType(folder.package, f"The modules in {path}.")
                package.__path__ = [path]
                self._by_package[folder.package] = folder
                sys.modules[folder.package] = package
            if self not in sys.meta_path:
                sys.meta_path.insert(0, self)
            return folder

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,  # noqa: ARG002 - part of the protocol
    ) -> ModuleSpec | None:
        folder = self._by_package.get(fullname.partition(".")[0])
        if folder is None or path is None:
            return None

        def load_with(kind: type[_SourceLoader] | type[_BytecodeLoader]) -> Any:
            def make(name: str, file: str) -> _SourceLoader | _BytecodeLoader:
                loader = kind(name, file)
                loader.folder = folder
                return loader

            return make

        for directory in path:
            # A finder of our own each time: Python's keep a listing that may be older than the file.
            finder = FileFinder(
                directory,
                (ExtensionFileLoader, EXTENSION_SUFFIXES),
                (load_with(_SourceLoader), SOURCE_SUFFIXES),
                (load_with(_BytecodeLoader), BYTECODE_SUFFIXES),
            )
            spec = finder.find_spec(fullname)
            if spec is not None:
                return spec
        return None


_FINDER = _Finder()


def _stamp(file: str) -> tuple[int, int]:
    try:
        stat = os.stat(file)  # noqa: PTH116 - asked at every import that the user's code does
    except OSError:
        return (0, 0)
    return (stat.st_mtime_ns, stat.st_size)
