"""Changes of form at random places of the zoo: none gives another digest."""

from random import Random

import pytest

from tests.discovery.source.cosmetic import COSMETICS
from tests.discovery.source.zoo import Zoo, reached, targets

ROUNDS = 18  # for each kind of change


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cosmetic")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield Zoo(folder)


def after(texts, target, change, random):
    """Return the texts after a change of a module that the target reaches, and the target."""
    module, _ = random.choice(reached(target, texts))
    changed = change(texts, module, random)
    own, _, name = target.partition(":")
    new = set(changed) - set(texts)
    if own in changed:
        return changed, target
    (place,) = (found for found in new if not found.endswith("__init__"))
    return changed, f"{place}:{name}"


@pytest.mark.parametrize("change", COSMETICS, ids=lambda change: change.__name__)
def test_no_change_of_form_in_what_a_component_reaches_is_seen(zoo, change):
    random = Random(change.__name__)
    for _ in range(ROUNDS):
        target = random.choice(targets())
        zoo.change(zoo.original)
        before = zoo.digest(target)
        texts, now = after(zoo.original, target, change, random)
        zoo.change(texts)
        assert zoo.digest(now) == before, target


@pytest.mark.parametrize("seed", range(12))
def test_no_row_of_changes_of_form_is_seen(zoo, seed):
    random = Random(seed)
    target = random.choice(targets())
    zoo.change(zoo.original)
    before = zoo.digest(target)
    texts, now = zoo.original, target
    for change in random.sample(COSMETICS, 6):
        texts, now = after(texts, now, change, random)
    zoo.change(texts)
    assert zoo.digest(now) == before, target


def test_most_changes_change_something(zoo):
    random = Random(0)
    for change in COSMETICS:
        module, _ = random.choice(reached(targets()[1], zoo.original))
        found = [change(zoo.original, module, random) != zoo.original for _ in range(3)]
        assert any(found), change.__name__


def test_the_copy_has_the_digests_of_the_zoo_itself(zoo):
    from benchbed.discovery.source import source_digest
    from tests.discovery.source.zoo import COPY, ZOO

    zoo.change(zoo.original)
    for target in targets()[::5]:
        assert zoo.digest(target) == source_digest(target.replace(COPY, ZOO))


def test_the_changes_are_many():
    assert ROUNDS * len(COSMETICS) >= 200
