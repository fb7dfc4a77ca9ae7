"""Changes of meaning at random places of the zoo: each gives another digest."""

import ast
from random import Random

import pytest

from tests.discovery.source.semantic import change_at_random
from tests.discovery.source.zoo import Zoo, definition, reached, targets

ROUNDS = 4  # for each component


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("semantic")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield Zoo(folder)


@pytest.mark.parametrize("target", targets())
def test_every_change_of_meaning_in_what_a_component_reaches_is_seen(zoo, target):
    random = Random(target)
    first, *others = reached(target, zoo.original)
    before = zoo.digest(target)
    for count in range(ROUNDS):
        random.shuffle(others)
        for module, name in [*others[:count], first]:
            tree = ast.parse(zoo.original[module])
            kind = change_at_random(definition(tree, name), random)
            if kind:
                break
        zoo.change({**zoo.original, module: ast.unparse(ast.fix_missing_locations(tree))})
        after = zoo.digest(target)
        zoo.change(zoo.original)
        assert after != before, f"{kind} in {name} of {module}"
    assert zoo.digest(target) == before


def test_what_is_changed_is_a_good_part_of_the_zoo():
    assert len(targets()) * ROUNDS >= 200
