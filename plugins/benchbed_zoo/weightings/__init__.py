"""Weighting strategies, one a file.

What a docstring here takes for granted:

- There are T tasks, and the shared parameters have d entries in all. L_t is the loss of task t, a
  scalar; g_t is its gradient by the shared parameters. J is the Jacobian ``(T, d)``, whose rows are
  the g_t, and G = J·Jᵀ the Gramian ``(T, T)``.
- A strategy of level ``loss`` makes one scalar of the losses; one of level ``gramian`` makes
  weights ``(T,)`` of G, and the update of the shared parameters is Σ_t w_t·g_t; one of level
  ``jacobian`` makes the update ``(d,)`` of J itself, which it gets parameter by parameter.
- Options are arguments behind ``context`` and stand behind the strategy's name in a method, as in
  ``hps+cagrad:c=0.5``. What their bounds are the manifest says.
- Examples want ``import benchbed`` and ``import torch``; all of them are run as tests.
"""
