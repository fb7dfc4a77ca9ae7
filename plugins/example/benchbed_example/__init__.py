"""The manifest: what the plugin brings, without importing it."""

from benchbed import Option, Spec, hookimpl


@hookimpl
def benchbed_weightings():
    target = "benchbed_example.log_sum:LogSum"
    return [Spec("log-sum", "1.0", target, summary="the sum of the losses' logarithms")]


@hookimpl
def benchbed_architectures():
    target = "benchbed_example.deep_heads:DeepHeads"
    options = {
        "backbone": Option(str, "conv-small", backbone=True),
        "hidden": Option(int, 32, "units of each head's hidden layer"),
    }
    return [Spec("deep-heads", "1.0", target, summary="two-layer heads", options=options)]
