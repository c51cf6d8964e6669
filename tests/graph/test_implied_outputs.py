"""Outputs that an agent makes without being told to: the feedback of an approval."""

from typing import Any

import pytest

from binex.errors import SpecError
from binex.graph.dag import DAG
from tests.graph.play import Play, workflow

GATE = {"agent": "human://approve"}


def test_the_feedback_of_an_approval_can_be_named_though_nobody_declared_it() -> None:
    play = Play({"gate": GATE, "next": {"inputs": {"why": "${gate.feedback}", "verdict": "${gate}"}}})
    assert play.task("gate").outputs == ("output", "feedback")
    play.complete("gate", output="rejected", feedback="shorter")
    assert play.task("next").inputs == {"why": "shorter", "verdict": "rejected"}


def test_a_fan_out_of_approvals_has_a_list_of_feedback() -> None:
    nodes: dict[str, dict[str, Any]] = {
        "gate": {**GATE, "foreach": "${user.pages}"},
        "next": {"inputs": {"why": "${gate.feedback}", "verdicts": "${gate}"}},
    }
    play = Play(nodes, variables={"pages": ["a", "b"]})
    play.complete("gate[0]", output="approved", feedback=None)
    play.complete("gate[1]", output="rejected", feedback="longer")
    assert play.task("next").inputs == {"why": [None, "longer"], "verdicts": ["approved", "rejected"]}


def test_an_approval_alone_still_means_its_declared_output() -> None:
    dag = DAG.from_workflow(workflow({"gate": GATE, "next": {"depends_on": ["gate"]}}))
    assert dag.input_names("next") == ("gate",)
    assert list(dag.default_inputs(dag.nodes["next"])) == [("gate", "gate", "output")]


def test_feedback_that_is_declared_is_not_there_twice() -> None:
    dag = DAG.from_workflow(workflow({"gate": {**GATE, "outputs": ["verdict", "feedback"]}}))
    assert dag.nodes["gate"].outputs == ("verdict", "feedback")


def test_other_agents_have_no_feedback() -> None:
    with pytest.raises(SpecError) as caught:
        DAG.from_workflow(workflow({"ask": {"agent": "human://input"}, "b": {"inputs": {"x": "${ask.feedback}"}}}))
    assert "no output 'feedback'" in caught.value.faults[0].message


def test_what_is_implied_is_suggested_to_whom_names_it_wrongly() -> None:
    with pytest.raises(SpecError) as caught:
        DAG.from_workflow(workflow({"gate": GATE, "b": {"inputs": {"x": "${gate.feedbak}"}}}))
    assert "did you mean 'feedback'?" in (caught.value.faults[0].fix or "")
