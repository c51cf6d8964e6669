"""The workflow that the fault tests break: 50 nodes, two of them fanned out, some with large artifacts.

Its functions append one line per execution to an effects log, so that what really ran can be told from what
was claimed to have run. Everything that they make depends on nothing but their inputs.
"""

from pathlib import Path
from textwrap import dedent

STEPS = '''
    """Functions that leave a trace of every execution."""

    import asyncio
    import hashlib
    import os
    import select
    from pathlib import Path

    HERE = Path(__file__).parent
    PACE = float((HERE / "pace").read_text())


    def note(task):
        log = os.open(HERE / "effects.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(log, f"{task.path} {task.attempt}\\n".encode())
        os.close(log)


    def digest(task, artifacts):
        told = hashlib.sha256(task.path.encode())
        for artifact in artifacts:
            told.update(artifact.data)
        return told.hexdigest()


    def step(task, artifacts):
        note(task)
        select.select([], [], [], PACE)  # libfaketime does not know the call that time.sleep makes
        return {"task": task.path, "made_of": digest(task, artifacts)}


    async def step_async(task, artifacts):
        note(task)
        await asyncio.sleep(PACE)
        return {"task": task.path, "made_of": digest(task, artifacts)}


    def items(task, artifacts):
        note(task)
        return [{"number": number} for number in range(12)]


    def large(task, artifacts):
        note(task)
        return (digest(task, artifacts) + "\\n") * 4000
'''

NODES = 50


def write_project(folder: Path, *, pace_s: float = 0.02) -> Path:
    """Put the workflow, its functions and their pace into *folder*; returns the workflow file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "steps.py").write_text(dedent(STEPS).lstrip())
    (folder / "pace").write_text(str(pace_s))
    file = folder / "flow.yaml"
    file.write_text(_workflow())
    return file


def _workflow() -> str:
    nodes: dict[str, list[str]] = {"seed": ["agent: local://steps.items"]}
    nodes["fan"] = ['foreach: "${seed.output}"', "agent: local://steps.step", 'inputs: {item: "${item}"}']
    for number in range(12):
        nodes[f"a{number}"] = [_agent(number), "depends_on: [seed]"]
    for number in range(12):
        nodes[f"b{number}"] = [_agent(number), f"depends_on: [a{number}, a{(number + 1) % 12}]"]
    nodes["again"] = ['foreach: "${fan.output}"', "agent: local://steps.step_async", 'inputs: {item: "${item}"}']
    for number in range(11):
        more = ", fan" if number == 5 else ""
        nodes[f"c{number}"] = [_agent(number), f"depends_on: [b{number}, b{(number + 5) % 12}{more}]"]
    for number in range(10):
        nodes[f"d{number}"] = [_agent(number + 1), f"depends_on: [c{number}, c{number + 1}]"]
    nodes["join"] = ["agent: local://steps.step", "depends_on: [again, b11]"]
    nodes["end"] = ["agent: local://steps.step", f"depends_on: [join, {', '.join(f'd{n}' for n in range(10))}]"]
    assert len(nodes) == NODES, len(nodes)
    lines = ["name: faults", "concurrency: 8", "nodes:"]
    for name, fields in nodes.items():
        lines += [f"  {name}:", *(f"    {field}" for field in fields)]
    return "\n".join(lines) + "\n"


def _agent(number: int) -> str:
    if number % 4 == 3:
        return "agent: local://steps.large"
    return f"agent: local://steps.{'step_async' if number % 2 else 'step'}"
