"""The strategies at Gramian level that solve for their weights. Light on purpose."""

from benchbed.spec import Spec

_GRAMIAN = frozenset({"gramian"})

SPECS = [
    Spec(
        id="mgda",
        version="1.0",
        target="benchbed_zoo.weightings.mgda:Mgda",
        summary="the shortest convex combination of the tasks' gradients",
        citation="J.-A. Désidéri: Multiple-gradient descent algorithm, C. R. Acad. Sci. 2012; "
        "O. Sener, V. Koltun, NeurIPS 2018",
        traits=_GRAMIAN,
    ),
    Spec(
        id="pcgrad",
        version="1.0",
        target="benchbed_zoo.weightings.pcgrad:PcGrad",
        summary="each gradient loses what conflicts with the others'",
        citation="T. Yu et al.: Gradient Surgery for Multi-Task Learning, NeurIPS 2020, alg. 1",
        traits=_GRAMIAN,
    ),
]
