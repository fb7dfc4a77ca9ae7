"""Architectures, one a file.

What a docstring here takes for granted:

- Inputs are batches ``(N, C, H, W)`` of N images, or ``(N, …)`` of whatever the backbone reads.
- A network returns for each task ``(N, K)``, where it predicts one thing a sample, or
  ``(N, K, H, W)``, a map of the target's height and width; K is the task's ``channels``.
- The backbone is an option of the architecture, and options of its own stand behind a dot, as in
  ``mtan:backbone=segnet,backbone.width=0.25+dwa``.
- Examples want ``import benchbed`` and ``import torch``; all of them are run as tests.
"""
