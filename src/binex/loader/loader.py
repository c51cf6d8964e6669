"""A workflow file in, a :class:`WorkflowSpec` out, or one error with everything that is wrong with the file.

::

    bytes ── read_yaml ──> value ── read_shape ──> spec ── prompts, DAG, agents ──> checked spec
               │                       │                      │
               └──── faults ───────────┴──── by field ────────┴──> by place ──> WorkflowError

Every stage goes on with what the one before it could save, and holds its tongue about what only follows from
a fault that is already known. Loading runs nothing of the user's and connects to nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Final, NamedTuple

from binex.adapters.registry import Registry
from binex.errors import Fault, FieldFault, InputError, SpecError
from binex.graph.dag import DAG
from binex.loader.agents import AgentCheck, faulty_nodes
from binex.loader.changes import apply_changes
from binex.loader.files import PROMPT_SCHEME, PromptFolder, read_file
from binex.loader.report import from_yaml, locate, workflow_error
from binex.loader.shape import Shape, read_shape
from binex.loader.yaml_source import YamlDocument, YamlLimits, read_yaml
from binex.models.collecting import collecting_later
from binex.models.limits import Limits
from binex.models.workflow import WorkflowSpec
from binex.models.workflow_source import WorkflowSource

_DEFAULT_LIMITS: Final = Limits()


def load_workflow(
    path: PathLike[str] | str,
    *,
    limits: Limits = _DEFAULT_LIMITS,
    registry: Registry | None = None,
    allow_paths: Sequence[Path] = (),
) -> WorkflowSpec:
    """Read and check the workflow file at *path*, with its prompt files; ``.source`` of the result holds all of it.

    Prompts must be inside the file's folder or one of *allow_paths*. Without a *registry* the agents are
    checked with the adapters that are installed.

    Raises:
        WorkflowError: the file cannot be read or used; with every fault in it, in file order.
    """
    return bind_workflow(path, limits=limits, registry=registry, allow_paths=allow_paths).spec


def bind_workflow(
    path: PathLike[str] | str,
    *,
    limits: Limits = _DEFAULT_LIMITS,
    registry: Registry | None = None,
    allow_paths: Sequence[Path] = (),
) -> "Bound":
    """What :func:`load_workflow` reads, together with its graph."""
    file = Path(path)
    try:
        data = read_file(file, limits.file_bytes)
        folder = file.parent.resolve()
    except InputError as error:
        raise workflow_error(str(path), [Fault(error.message, fix=error.fix)]) from error
    except OSError as error:
        raise workflow_error(str(path), [Fault(f"cannot be read: {error}")]) from error
    origin = WorkflowSource(file=str(folder / file.name), folder=str(folder), text="")
    prompts = PromptFolder(folder, allow_paths, limits.file_bytes)
    return _Loading(str(path), origin, prompts.read, registry or Registry()).load(data, limits)


def parse_workflow(
    text: str,
    *,
    file: str = "<text>",
    folder: Path | None = None,
    limits: Limits = _DEFAULT_LIMITS,
    registry: Registry | None = None,
    allow_paths: Sequence[Path] = (),
) -> WorkflowSpec:
    """Read and check a workflow that is no file; prompts and local functions are found in *folder*.

    Raises:
        WorkflowError: the text cannot be used; it names *file*, and has every fault, in the order of the text.
    """
    home = None if folder is None else folder.resolve()
    origin = WorkflowSource(file=file, folder="" if home is None else str(home), text="")
    prompts = PromptFolder(home, allow_paths, limits.file_bytes)
    return _Loading(file, origin, prompts.read, registry or Registry()).load(_encode(text), limits).spec


def load_source(
    source: WorkflowSource, *, limits: Limits = _DEFAULT_LIMITS, registry: Registry | None = None
) -> WorkflowSpec:
    """Read a workflow from what was recorded of it; no file is touched, prompts come from *source*.

    Agents are checked only with a *registry*: their code may be gone, and what was recorded can still be read.

    Raises:
        WorkflowError: the recorded text cannot be used.
    """
    return bind_source(source, limits=limits, registry=registry).spec


def bind_source(
    source: WorkflowSource, *, limits: Limits = _DEFAULT_LIMITS, registry: Registry | None = None
) -> "Bound":
    """What :func:`load_source` reads, together with its graph."""

    def prompt(name: str) -> str:
        if name not in source.prompts:
            shown = name.removeprefix(PROMPT_SCHEME)
            raise InputError(f"the prompt file '{shown}' was not recorded", fix="read the workflow from its file")
        return source.prompts[name]

    return _Loading(source.file, source, prompt, registry).load(_encode(source.text), limits)


class Bound(NamedTuple):
    """A workflow that was checked, with the graph that checking it has made."""

    spec: WorkflowSpec
    dag: DAG


class _Loading:
    """One workflow on its way from bytes to a spec."""

    def __init__(
        self, file: str, origin: WorkflowSource, read_prompt: Callable[[str], str], registry: Registry | None
    ) -> None:
        self._file = file
        self._origin = origin
        self._read_prompt = read_prompt
        self._registry = registry

    def load(self, data: bytes, limits: Limits) -> "Bound":
        """The workflow in *data*, and its graph.

        Raises:
            WorkflowError: with every fault.
        """
        with collecting_later():
            return self._load(data, limits)

    def _load(self, data: bytes, limits: Limits) -> "Bound":
        document = read_yaml(data, YamlLimits(limits.file_bytes, limits.depth, limits.nodes))
        known = [from_yaml(fault) for fault in document.faults]
        if not isinstance(document.value, dict) or (known and not document.value):
            raise workflow_error(self._file, known)
        value = apply_changes(document.value, self._origin.changes)
        shape = read_shape(value, self._default_name())
        if not known and not shape.faults and not shape.missing and shape.spec is not None:
            return self._check(shape.spec, data, document)
        raise workflow_error(self._file, self._all_faults(known, shape, data, document))

    def _default_name(self) -> str:
        """The name of a workflow that has none: its file's, without the suffix."""
        return "workflow" if self._origin.file.startswith("<") else Path(self._origin.file).stem

    def _check(self, spec: WorkflowSpec, data: bytes, document: YamlDocument) -> "Bound":
        """The spec, knowing its source, when nothing is wrong with its graph, prompts and agents."""
        spec, dag, faults = self._bind(spec, data, Shape(spec))
        if faults or dag is None:
            raise workflow_error(self._file, [locate(fault, document) for fault in faults])
        return Bound(spec, dag)

    def _all_faults(self, known: list[Fault], shape: Shape, data: bytes, document: YamlDocument) -> list[Fault]:
        faults = list(shape.faults)
        if document.is_whole:  # otherwise what seems to be missing may stand in the rest of the file
            faults += shape.missing
            if shape.spec is not None:
                faults += self._bind(shape.spec, data, shape)[2]
        taken = {(fault.line, fault.column) for fault in known}
        located = (locate(fault, document) for fault in faults)
        return known + [fault for fault in located if (fault.line, fault.column) not in taken]

    def _bind(self, spec: WorkflowSpec, data: bytes, shape: Shape) -> tuple[WorkflowSpec, DAG | None, list[FieldFault]]:
        """The spec with its source, its graph, and what is wrong with its prompts, its graph and its agents."""
        prompts, faults = self._prompts(spec)
        text = data.decode("utf-8-sig", "replace")
        spec = spec.read_from(self._origin.model_copy(update={"text": text, "prompts": prompts}))
        dag = None
        try:
            dag = DAG.from_workflow(spec)
        except SpecError as error:
            faults += [_naming_prompt(fault, spec) for fault in error.faults]
        if self._registry is not None:
            doubtful = faulty_nodes([*shape.faults, *shape.missing, *faults])
            faults += AgentCheck(self._registry, shape.is_usable).faults(spec, dag, doubtful)
        told = {(fault.path, fault.at_key) for fault in shape.faults}
        return spec, dag, [f for f in faults if shape.is_usable(f.path) and (f.path, f.at_key) not in told]

    def _prompts(self, spec: WorkflowSpec) -> tuple[dict[str, str], list[FieldFault]]:
        """The texts of all prompt files, by the name that the workflow uses."""
        prompts: dict[str, str] = {}
        refused: dict[str, InputError] = {}
        faults = []
        for path, name in _prompt_names(spec):
            if name not in prompts and name not in refused:
                try:
                    prompts[name] = self._read_prompt(name)
                except InputError as error:
                    refused[name] = error
            if name in refused:
                message = f"node '{path[1]}': {refused[name].message}"
                faults.append(FieldFault(path, message, refused[name].fix))
        return prompts, faults


def _prompt_names(spec: WorkflowSpec) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every text that is read from a file: its path, and how the workflow names the file."""
    for node_id, node in spec.nodes.items():
        if node.system_prompt is not None and node.system_prompt.startswith(PROMPT_SCHEME):
            yield ("nodes", node_id, "system_prompt"), node.system_prompt
        for index, said in enumerate(node.messages or ()):
            if said.content.startswith(PROMPT_SCHEME):
                yield ("nodes", node_id, "messages", index, "content"), said.content


def _naming_prompt(fault: FieldFault, spec: WorkflowSpec) -> FieldFault:
    """A fault in a prompt file says so; its place is where the workflow names the file."""
    prompt = dict(_prompt_names(spec)).get(fault.path)
    if prompt is None:
        return fault
    return FieldFault(fault.path, f"{fault.message} (in {prompt.removeprefix(PROMPT_SCHEME)})", fault.fix)


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # what is no text is then found by the reader, with its place
