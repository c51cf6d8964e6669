"""Reads the user's modules without running them: what they define, what they import, what their code hashes to."""

import ast
import hashlib
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeAlias

from binex.adapters.local_finding import Found, LocalName, belongs_to_folder, find_module
from binex.adapters.local_parameters import Parameters
from binex.errors import FieldFault, suggest

_OPEN_ENDED = frozenset({"exec", "globals", "locals", "vars"})


@dataclass(slots=True)
class ModuleSource:
    """What can be known about a module from its text."""

    defined: dict[str, Parameters | None] = field(default_factory=dict)
    """The names bound at the top level; functions with their parameters, where these are certain."""
    offered: list[str] = field(default_factory=list)
    """The functions and classes among them."""
    is_open: bool = False
    """Whether there may be names that cannot be seen: star imports, `__getattr__`, `globals()`."""
    imports: list["Imported"] = field(default_factory=list)
    """What it imports, at any place in the file."""
    fault: str | None = None
    """Why the text could not be read."""


class Imported(NamedTuple):
    """One import: ``from <level dots><module> import <name>``; name is empty for ``import module``."""

    level: int
    module: str
    name: str


Stamp: TypeAlias = tuple[int, int]
"""What changes when a file does: its time and its size."""


def stamp_of(file: str) -> Stamp | None:
    """The stamp of *file*; None where it is not there."""
    try:
        stat = os.stat(file)  # noqa: PTH116 - asked for every node of a workflow
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size


class Sources:
    """The modules that were read, each again only when its file has changed."""

    def __init__(self) -> None:
        self._sources: dict[str, tuple[Stamp | None, ModuleSource]] = {}
        self._found: dict[tuple[str | None, str], tuple[Stamp | None, Found]] = {}
        self._hashes: dict[tuple[str, str], tuple[dict[str, Stamp | None], str]] = {}

    def find(self, module: str, folder: str | None, *, is_remembered: bool = True) -> Found | None:
        """The module, in *folder* or else in the environment; by default as it was found before."""
        place = stamp_of(folder) if folder is not None else None
        known = self._found.get((folder, module))
        if known is not None and known[0] == place and is_remembered:
            return known[1]
        found = find_module(module, folder)
        if found is not None:
            self._found[folder, module] = (place, found)
        return found

    def find_and_read(self, module: str, folder: str | None) -> tuple[Found | None, ModuleSource | None]:
        """The module, and what it says; None where it has no source to be read."""
        found = self.find(module, folder)
        if found is None or found.file is None or not found.has_source:
            return found, None
        source = self.read(found.file)
        if source.fault is None or stamp_of(found.file) is not None:
            return found, source
        found = self.find(module, folder, is_remembered=False)  # it is no longer where it was
        return found, self.read(found.file) if found is not None and found.file is not None else None

    def read(self, file: str) -> ModuleSource:
        """What the module in *file* says."""
        stamp = stamp_of(file)
        known = self._sources.get(file)
        if known is not None and known[0] == stamp:
            return known[1]
        source = _read(file)
        self._sources[file] = (stamp, source)
        return source

    def faults(
        self, name: LocalName, folder: str | None, inputs: tuple[str, ...] | None, *, are_implied: bool = False
    ) -> list[FieldFault]:
        """What is wrong with the use of a function, as far as its text tells; *inputs* None: any will do."""
        found, source = self.find_and_read(name.module, folder)
        if found is None:
            return [self.no_module(name.module, folder)]
        if found.file is None and found.directories:
            fault = f"'{name.module}' is a directory without __init__.py and has no functions"
            return [
                FieldFault(("agent",), fault, fix=suggest(name.function, _modules_in(found.directories), "modules"))
            ]
        if source is None:
            return []
        if source.fault is not None:
            return [FieldFault(("agent",), source.fault)] if found.is_in_folder else []
        if name.function in source.defined:
            parameters = source.defined[name.function]
            faults = (
                ()
                if parameters is None or inputs is None
                else parameters.faults(name.function, inputs, are_implied=are_implied)
            )
            return list(faults)
        is_certain = not source.is_open and self.find(f"{name.module}.{name.function}", folder) is None
        return [no_function(name, source.offered)] if is_certain else []

    def no_module(self, module: str, folder: str | None) -> FieldFault:
        """The fault of a module that is nowhere, with the nearest one."""
        parent, _, last = module.rpartition(".")
        above = self.find(parent, folder) if parent else None
        if above is not None:
            near = suggest(last, _modules_in(above.directories), f"modules in '{parent}'")
        else:
            near = suggest(module.partition(".")[0], _modules_in((folder,) if folder else ()), "modules in the folder")
        where = "in the workflow's folder or in the environment" if folder else "in the environment"
        return FieldFault(("agent",), f"there is no module '{module}' {where}", fix=near)

    def hash_of(self, module: str, folder: str) -> str | None:
        """The hash of the module's code and of all that it imports from *folder*; None for one from elsewhere."""
        known = self._hashes.get((folder, module))
        if known is not None and all(stamp_of(file) == stamp for file, stamp in known[0].items()):
            return known[1]
        modules = dict(self._reachable(module, folder))
        if not modules:
            return None
        stamps = {file: stamp_of(file) for file in (folder, *modules.values())}
        digest = hashlib.sha256()
        for name in sorted(modules):
            digest.update(f"{name}\n{_hash_of_file(modules[name])}\n".encode())
        self._hashes[folder, module] = (stamps, digest.hexdigest())
        return digest.hexdigest()

    def _reachable(self, module: str, folder: str) -> Iterator[tuple[str, str]]:
        """The names and files of *module* and of what it imports from the folder, over any number of steps."""
        found = self.find(module, folder)
        if found is None or not found.is_in_folder:
            return
        waiting, seen = list(_with_parents(module)), set()
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            found = self.find(name, folder)
            if found is None or not found.is_in_folder or found.file is None:
                continue
            yield name, found.file
            if found.has_source:
                for imported in self.read(found.file).imports:
                    waiting += _meant(imported, name, bool(found.directories), folder)


def no_function(name: LocalName, offered: list[str]) -> FieldFault:
    """The fault of a function that its module does not have, with the nearest one."""
    public = [other for other in offered if not other.startswith("_")]
    message = f"module '{name.module}' has no function '{name.function}'"
    return FieldFault(("agent",), message, fix=suggest(name.function, public, "functions"))


def _read(file: str) -> ModuleSource:
    shown = Path(file).name
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # those about the user's text are shown when it is imported
            tree = ast.parse(Path(file).read_bytes(), filename=file)
        return _scan(tree)
    except OSError as error:
        return ModuleSource(fault=f"{shown} cannot be read: {error.strerror}")
    except SyntaxError as error:
        return ModuleSource(fault=f"{shown}:{error.lineno or 1}: {error.msg}")
    except (ValueError, RecursionError, MemoryError) as error:
        return ModuleSource(fault=f"{shown}:1: {error or 'nested too deeply'}")


def _scan(tree: ast.Module) -> ModuleSource:
    source = ModuleSource()
    for name, parameters, is_offered in _bindings(tree):
        # What is bound twice may be either; prepare() sees which.
        source.defined[name] = None if name in source.defined else parameters
        if is_offered:
            source.offered.append(name)
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                source.imports += [Imported(0, alias.name, "") for alias in names]
            case ast.ImportFrom(module=module, names=names, level=level):
                source.imports += [Imported(level, module or "", alias.name) for alias in names]
            case ast.Global(names=names):
                source.defined.update(dict.fromkeys(names))
            case ast.Call(func=ast.Name(id=called)) if called in _OPEN_ENDED:
                source.is_open = True
            case ast.Attribute(attr="modules", value=ast.Name(id="sys")):
                source.is_open = True
    source.is_open |= "*" in source.defined or "__getattr__" in source.defined
    return source


def _bindings(node: ast.AST) -> Iterator[tuple[str, Parameters | None, bool]]:
    """The names that *node* binds where it stands, with the parameters of functions, and whether one calls them."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                # A decorator may change what the function takes.
                yield child.name, None if child.decorator_list else Parameters.in_source(child.args), True
            case ast.ClassDef():
                yield child.name, None, True
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                for alias in names:
                    yield alias.asname or alias.name.partition(".")[0], None, False
            case ast.Name(id=name, ctx=ast.Store()):
                yield name, None, False
            case ast.Lambda():
                pass
            case _:
                yield from _bindings(child)


def _meant(imported: Imported, importer: str, is_package: bool, folder: str) -> Iterator[str]:
    """The modules of the folder that an import in the module *importer* may load."""
    module = imported.module
    if imported.level:
        parts = importer.split(".") if is_package else importer.split(".")[:-1]
        parts = parts[: len(parts) - imported.level + 1]
        module = ".".join([*parts, module] if module else parts)
    elif not belongs_to_folder(folder, module.partition(".")[0]):
        return
    if module:
        yield from _with_parents(module)
    if imported.name and imported.name != "*":
        yield f"{module}.{imported.name}" if module else imported.name


def _with_parents(module: str) -> Iterator[str]:
    parts = module.split(".")
    for end in range(1, len(parts) + 1):
        yield ".".join(parts[:end])


def _hash_of_file(file: str) -> str:
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()
    except OSError:
        return ""


def _modules_in(directories: tuple[str, ...]) -> list[str]:
    names = []
    for directory in directories:
        try:
            entries = sorted(Path(directory).iterdir())
        except OSError:
            continue
        names += [entry.stem for entry in entries if entry.suffix == ".py" and entry.stem.isidentifier()]
        names += [entry.name for entry in entries if (entry / "__init__.py").is_file()]
    return [name for name in names if name != "__init__"]
