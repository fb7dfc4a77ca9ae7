"""What one types wrongly at first is told by what it should look like."""

from __future__ import annotations

import pytest

from benchbed.basics.errors import MethodError, ProtocolError
from benchbed.discovery.catalogue import find_protocol
from benchbed.discovery.method import resolve_method

NO_METHOD = "is a weighting, and a method begins with an architecture; write hps+"
UNPREFIXED = "hps has no option 'width', and its backbone mlp has one; write backbone.width=64."


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("dwa", f"'dwa': dwa {NO_METHOD}dwa, for instance."),
        ("dwa:T=3", f"'dwa:T=3': dwa {NO_METHOD}dwa:T=3, for instance."),
        ("hps:backbone=mlp,width=64", f"'hps:backbone=mlp,width=64': {UNPREFIXED}"),
    ],
)
def test_a_method(registry, text, sentence):
    with pytest.raises(MethodError) as caught:
        resolve_method(text, registry, ["a", "b"])
    assert str(caught.value) == sentence


def test_the_backbone_may_be_the_protocols(registry):
    with pytest.raises(MethodError, match=r"its backbone mlp has one; write backbone.width=8\."):
        resolve_method("hps:width=8", registry, ["a", "b"], "mlp")


def test_an_option_that_neither_has_is_told_as_before(registry):
    with pytest.raises(MethodError, match="hps: no option 'height'"):
        resolve_method("hps:backbone=mlp,height=64", registry, ["a", "b"])


@pytest.mark.parametrize("text", ["hps+dwa", "hps", "hps:backbone=mlp", "hsp+dwa"])
def test_a_method_where_the_protocol_should_stand(registry, text):
    with pytest.raises(ProtocolError) as caught:
        find_protocol(text, registry)
    assert str(caught.value) == (
        f"'{text}' is a method, and a protocol stands before methods; write for instance 'digits "
        f"{text}'."
    )
