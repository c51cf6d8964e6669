"""What is large is printed piece by piece, and reads the same."""

import json

import pytest
from pydantic import Field

from binex.analysis.artifacts import Damage
from binex.cli.printing import json_of, json_pieces
from binex.models.base import AnyText, Model


class Leaf(Model):
    name: AnyText
    lines: tuple[str, ...] = ()
    part: Damage | None = None


class Branch(Model):
    title: str
    leaves: tuple[Leaf, ...] = ()


class Tree(Model):
    branches: tuple[Branch, ...] = ()
    none: None = None
    by_name: dict[str, tuple[Leaf, ...]] = Field(default_factory=dict)
    only: Branch | None = None
    last: str = '"only": null\n  "only": null'


LEAF = Leaf(name='a\n  "leaves": null', part=Damage(where="x\u202e", message="\x1b[31m"))
MANY = tuple(Leaf(name=f"leaf {number}", lines=("one", "two")) for number in range(200))


@pytest.mark.parametrize(
    "tree",
    [
        Tree(),
        Tree(branches=(Branch(title="few", leaves=(LEAF,)),), by_name={"a": (LEAF,)}),
        Tree(branches=(Branch(title="none"), Branch(title="many", leaves=(*MANY, LEAF)))),
        Tree(only=Branch(title="many", leaves=MANY), branches=tuple(Branch(title="b") for _ in range(150))),
        Tree(by_name={f'name "{number}"\n': (LEAF,) * (number % 3) for number in range(300)}),
    ],
    ids=["empty", "small", "nested", "inside", "names"],
)
def test_the_pieces_are_the_text(tree: Tree) -> None:
    assert "".join(json_pieces(tree)) == json_of(tree)
    assert Tree.model_validate(json.loads("".join(json_pieces(tree)))) == tree


def test_no_piece_is_a_large_part_of_the_whole() -> None:
    tree = Tree(only=Branch(title="many", leaves=MANY))
    assert max(map(len, json_pieces(tree))) < len(json_of(tree)) / 50
