"""The chain's step for the published Binex release, as the plug-in that its own error messages ask for."""

from binex.models.artifact import Artifact, Lineage  # type: ignore[import-not-found]


class Relay:
    """Adds one to the number that the node before produced."""

    prefix = "relay"

    def create_adapter(self, *_: object) -> "Relay":
        """The plug-in is its own adapter."""
        return self

    async def execute(self, task, input_artifacts, trace_id):  # type: ignore[no-untyped-def]  # noqa: ARG002
        """One step of the chain."""
        n = input_artifacts[0].content["n"] + 1 if input_artifacts else 1
        if task.node_id != f"n{n - 1}":
            raise ValueError(f"{task.node_id} arrived at {n}")
        lineage = Lineage(produced_by=task.node_id, derived_from=[a.id for a in input_artifacts])
        return [
            Artifact(
                id=f"art_{task.node_id}",
                run_id=task.run_id,
                type="result",
                content={"n": n},
                lineage=lineage,
            )
        ]
