"""What made two runs different, apart from all that only follows from it."""

from collections.abc import Iterable, Sequence
from typing import Final

from binex.analysis.differences.model import Aspect, Cause, CauseKind, PartDiff, TaskDiff

_MODEL: Final = "llm://"
_HUMAN: Final = "human://"
_WORDS: Final = {
    Aspect.PROMPT: "prompt",
    Aspect.MODEL: "model",
    Aspect.AGENT: "agent",
    Aspect.CODE: "code",
    Aspect.CONFIG: "settings",
    Aspect.TOOLS: "tools",
    Aspect.SCHEMA: "output schema",
    Aspect.RULES: "rules",
    Aspect.VERSION: "adapter's version",
    Aspect.INPUTS: "inputs in the workflow",
}
_SENTENCES: Final = {
    CauseKind.ADDED: "only the later workflow has it",
    CauseKind.REMOVED: "only the earlier workflow has it",
    CauseKind.EDITED: "a person changed it by hand",
    CauseKind.FAULT: "its calls were made to fail",
    CauseKind.SAMPLING: "the same was asked and another answer came: sampling",
    CauseKind.STOPPED: "one of the runs never came to it",
    CauseKind.MISSING: "one of the runs has no record of it that can be read",
    CauseKind.UNKNOWN: "it was given something else, and where that came from was not kept",
}


def find_causes(tasks: Sequence[TaskDiff]) -> tuple[Cause, ...]:
    """The causes of the differences between *tasks*, the earliest first; those that nothing led to before others."""
    different = [task for task in tasks if task.is_different]
    groups: dict[tuple[CauseKind, str, tuple[str, ...]], list[TaskDiff]] = {}
    for task in different:
        for kind in task.causes:
            if kind is CauseKind.VARIABLE:
                for name in sorted({name for part in task.parts for name in part.variables} | set(task.variables)):
                    groups.setdefault((kind, "", (name,)), []).append(task)
            elif kind is CauseKind.CHANGED:
                names = tuple(part.name for part in task.parts if part.is_own)
                groups.setdefault((kind, task.node, names), []).append(task)
            elif kind is CauseKind.STOPPED:
                groups.setdefault((kind, "", ()), []).append(task)
            else:
                groups.setdefault((kind, task.node, ()), []).append(task)
    if different and not groups:  # each follows from another, as in workflows that go opposite ways
        groups[CauseKind.UNKNOWN, different[0].node, ()] = [different[0]]
    followers = _followers(different)
    causes = [_cause(kind, parts, members, _reached(members, followers, different)) for (kind, _, parts), members in
              groups.items()]  # fmt: skip
    causes = [cause for cause in causes if not _is_same_code(cause, tasks)]
    return tuple(sorted(causes, key=lambda cause: (cause.kind is CauseKind.STOPPED, bool(cause.follows_from))))


def _is_same_code(cause: Cause, tasks: Iterable[TaskDiff]) -> bool:
    """Whether all that was changed is the code, and so it was of a task that it follows from.

    The functions of a module change together; that more than the first was changed to another effect is not known.
    """
    if cause.aspects != (Aspect.CODE,) or not cause.follows_from:
        return False
    coded = {task.task for task in tasks if any(part.aspect is Aspect.CODE for part in task.parts)}
    known = {task.task: task for task in tasks}
    seen: set[str] = set()
    waiting = list(cause.follows_from)
    while waiting:
        path = waiting.pop()
        if path in coded:
            return True
        if path not in seen and path in known:
            seen.add(path)
            waiting += known[path].follows_from
    return False


def _cause(kind: CauseKind, parts: tuple[str, ...], tasks: Sequence[TaskDiff], leads_to: tuple[str, ...]) -> Cause:
    tasks = sorted(tasks, key=lambda task: task.task != task.node)  # a node before its items
    first = tasks[0]
    own = [part for part in first.parts if part.is_own] if kind is CauseKind.CHANGED else []
    return Cause(
        kind=kind,
        tasks=tuple(task.task for task in tasks),
        node=first.node,
        aspects=tuple(dict.fromkeys(part.aspect for part in own)),
        parts=parts,
        text=_in_words(kind, parts, own, first),
        leads_to=leads_to,
        follows_from=tuple(path for path in first.follows_from if path not in {task.task for task in tasks}),
    )


def _in_words(kind: CauseKind, parts: Sequence[str], own: Sequence[PartDiff], task: TaskDiff) -> str:
    match kind:
        case CauseKind.VARIABLE:
            return f"variable '{parts[0]}' is different"
        case CauseKind.CHANGED:
            return f"its {_and(dict.fromkeys(_part_in_words(part) for part in own))} changed"
        case CauseKind.CHANCE:
            agent = "" if task.after is None else task.after.agent
            why = "a person decides" if agent.startswith(_HUMAN) else "it is not deterministic"
            return f"the same was asked and another answer came: {why}"
        case CauseKind.FAILURE:
            failed = next((side.error for side in (task.after, task.before) if side and side.error), None)
            which = "failed" if task.after is not None and task.after.error is not None else "failed before"
            return f"the same was asked, and it {which}" + (f" ({failed.kind})" if failed is not None else "")
    return _SENTENCES[kind]


def _part_in_words(part: PartDiff) -> str:
    if part.aspect in (Aspect.CONFIG, Aspect.RULES) or (part.aspect is Aspect.INPUTS and "." in part.name):
        return part.name
    return _WORDS.get(part.aspect, part.name)


def _and(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def _followers(tasks: Iterable[TaskDiff]) -> dict[str, list[str]]:
    """What follows from each task, by name."""
    followers: dict[str, list[str]] = {}
    for task in tasks:
        for culprit in task.follows_from:
            followers.setdefault(culprit, []).append(task.task)
    return followers


def _reached(
    members: Sequence[TaskDiff], followers: dict[str, list[str]], different: Sequence[TaskDiff]
) -> tuple[str, ...]:
    """All that is different because *members* are, in the order of the tasks."""
    own = {task.task for task in members}
    reached: set[str] = set()
    waiting = list(own)
    while waiting:
        for follower in followers.get(waiting.pop(), ()):
            if follower not in reached and follower not in own:
                reached.add(follower)
                waiting.append(follower)
    return tuple(task.task for task in different if task.task in reached)


def kind_of_chance(task: TaskDiff) -> CauseKind:
    """Why a task came out otherwise that was asked the same."""
    sides = [side for side in (task.before, task.after) if side is not None]
    if any(side.error is not None for side in sides) and Aspect.STATUS in task.aspects:
        return CauseKind.FAILURE
    return CauseKind.SAMPLING if sides[-1].agent.startswith(_MODEL) else CauseKind.CHANCE
