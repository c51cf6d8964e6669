"""Looks ahead at a run: what it would do, what it lacks, what it will probably cost. Nothing is executed."""

from collections.abc import Mapping

from pydantic import JsonValue

from binex.adapters.registry import Registry
from binex.analysis.preview import RunPreview, preview_run
from binex.loader import Bound, locate_faults, missing_environment, variable_faults
from binex.models.complaint import Complaint, faults_of
from binex.stores.run_store import RunStore


async def preview(
    store: RunStore, bound: Bound, registry: Registry, given: Mapping[str, JsonValue], environ: Mapping[str, str]
) -> RunPreview:
    """What a run of *bound* with the variables *given* would do."""
    spec, dag = bound
    missing = [Complaint(message=message, fix=fix) for message, fix in variable_faults(spec, given, dag)]
    unset = missing_environment(dag, environ)
    if unset and spec.source is not None:
        missing += faults_of(locate_faults(spec.source, unset))
    else:
        missing += [Complaint(message=fault.message, fix=fault.fix) for fault in unset]
    return await preview_run(store, spec, dag, registry, environ, missing)
