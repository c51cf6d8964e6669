"""Finds modules without importing anything: in a workflow's folder first, then in the environment."""

import sys
from dataclasses import dataclass
from functools import lru_cache
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    FrozenImporter,
    ModuleSpec,
    SourceFileLoader,
    SourcelessFileLoader,
)
from keyword import iskeyword

from binex.errors import InputError

_SOURCE = tuple(SOURCE_SUFFIXES)

SCHEME = "local://"
ECHO = "echo"


@dataclass(frozen=True, slots=True)
class LocalName:
    """What the URI of a local agent names."""

    module: str
    """Dotted; empty for what is built in."""
    function: str

    @classmethod
    @lru_cache(4096)
    def of(cls, agent: str) -> "LocalName":
        """The name in *agent*, as in ``local://package.module.function``.

        Raises:
            InputError: it is not `local://echo`, nor identifiers with dots between them.
        """
        name = agent.removeprefix(SCHEME)
        if name == ECHO:
            return cls("", ECHO)
        module, _, function = name.rpartition(".")
        if not module or not all(part.isidentifier() and not iskeyword(part) for part in name.split(".")):
            raise InputError(
                f"'{agent:.200}' does not name a function",
                fix="write local://module.function, for a module beside the workflow file, or local://echo",
            )
        return cls(module, function)


@dataclass(frozen=True, slots=True)
class Found:
    """A module that is there."""

    file: str | None
    """The file that it is loaded from; None where there is none (a mere directory, built in, made at run time)."""
    is_in_folder: bool
    directories: tuple[str, ...] = ()
    """Where the modules inside it are, if it is a package."""

    @property
    def has_source(self) -> bool:
        return self.file is not None and self.file.endswith(_SOURCE)


def find_module(name: str, folder: str | None) -> Found | None:
    """The module *name*, without importing it or its parents.

    A folder has precedence even over the modules of Python itself: the file beside the workflow is meant.
    """
    top = name.partition(".")[0]
    if folder is not None:
        spec = find_in(folder, top)
        if spec is not None and (not _is_bare_directory(spec) or find_in_environment(top) is None):
            return _found(_walk(name, spec), is_in_folder=True)
    return _find_environment_module(name)


def belongs_to_folder(folder: str, top: str) -> bool:
    """Whether ``import top`` in a module of *folder* means the folder's own.

    As for a script that Python runs in that folder: its files win over installed packages and the standard
    library, but not over what is built into the interpreter; a mere directory wins over nothing.
    """
    if top in sys.builtin_module_names or FrozenImporter.find_spec(top) is not None:
        return False
    spec = find_in(folder, top)
    return spec is not None and (not _is_bare_directory(spec) or find_in_environment(top) is None)


def find_in(directory: str, name: str) -> ModuleSpec | None:
    """The module whose last part is that of *name*, if *directory* has it."""
    finder = FileFinder(
        directory,
        (ExtensionFileLoader, EXTENSION_SUFFIXES),
        (SourceFileLoader, SOURCE_SUFFIXES),
        (SourcelessFileLoader, BYTECODE_SUFFIXES),
    )
    return finder.find_spec(name)


def find_in_environment(name: str, path: list[str] | None = None) -> ModuleSpec | None:
    """The module as Python would find it, without its parents being imported."""
    for finder in sys.meta_path:
        find_spec = getattr(finder, "find_spec", None)
        spec: ModuleSpec | None = find_spec(name, path) if find_spec is not None else None
        if spec is not None:
            return spec
    return None


def _walk(name: str, spec: ModuleSpec) -> ModuleSpec | None:
    """From the top-level module's *spec* down to the one of *name*."""
    done = name.partition(".")[0]
    for part in name.split(".")[1:]:
        done = f"{done}.{part}"
        places = spec.submodule_search_locations
        if places is None:
            return None
        below = next(filter(None, (find_in(place, done) for place in places)), None)
        if below is None:
            return None
        spec = below
    return spec


def _find_environment_module(name: str) -> Found | None:
    parts = name.split(".")
    spec, path = None, None
    for end in range(1, len(parts) + 1):
        full = ".".join(parts[:end])
        spec = find_in_environment(full, path)
        if spec is None:
            # Some are made by others while they are imported, as os.path is.
            return Found(None, is_in_folder=False) if name in sys.modules else None
        if end < len(parts):
            if spec.submodule_search_locations is None:
                return Found(None, is_in_folder=False)
            path = list(spec.submodule_search_locations)
    return _found(spec, is_in_folder=False)


def _found(spec: ModuleSpec | None, *, is_in_folder: bool) -> Found | None:
    if spec is None:
        return None
    file = spec.origin if spec.has_location else None
    return Found(file, is_in_folder, tuple(spec.submodule_search_locations or ()))


def _is_bare_directory(spec: ModuleSpec) -> bool:
    return spec.loader is None
