"""Where in an image each pixel of its transformed image comes from."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from benchbed.basics.errors import ContractError

IDENTITY = torch.eye(2)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where in a sample each pixel of its transformed image comes from: ``linear·p + shift``.

    Points p = (x, y) are centres of pixels, in pixels of the input from its centre, x to the right
    and y down. All is float64 and on the CPU. :meth:`of` fills in what is left out::

        turned = Placement.of(torch.tensor([[[0.0, -1.0], [1.0, 0.0]]]).double())

    Attributes:
        linear: ``(N, 2, 2)``, from the transformed image to the given one; regular.
        shift: ``(N, 2)``, in pixels of the given image.
        divisor: ``(N,)``, of maps of distances.
        background: maps of classes are 0 beyond the given image, rather than not annotated.
    """

    linear: Tensor
    shift: Tensor
    divisor: Tensor
    background: bool = False

    @classmethod
    def of(
        cls,
        linear: Tensor,
        shift: Tensor | None = None,
        divisor: Tensor | None = None,
        *,
        background: bool = False,
    ) -> Placement:
        """Return a placement, about the centre and of unchanged distances where not said."""
        if shift is None:
            shift = linear.new_zeros(len(linear), 2)
        if divisor is None:
            divisor = linear.new_ones(len(linear))
        return cls(linear, shift, divisor, background)

    def __len__(self) -> int:
        return len(self.linear)

    def then(self, later: Placement) -> Placement:
        """Return what both do, the other one last.

        What this one moves beyond the canvas is not lost if the other one moves it back.
        """
        # p in the last image is A₂·p + s₂ in the one between, so A₁·A₂·p + A₁·s₂ + s₁ in the first
        linear = self.linear @ later.linear
        shift = (self.linear @ later.shift[:, :, None])[:, :, 0] + self.shift
        divisor = self.divisor * later.divisor
        return Placement(linear, shift, divisor, self.background or later.background)

    def scaled(self, x: float, y: float) -> Placement:
        """Return the same for maps of another size, so many times the pixels in x and y."""
        scale = self.linear.new_tensor([x, y])
        linear = self.linear * scale[:, None] / scale
        return Placement(linear, self.shift * scale, self.divisor, self.background)

    def mirrored(self) -> list[tuple[int, ...] | None]:
        """Return for each sample the axes that are only mirrored, or ``None`` if it is moved."""
        turned = (self.linear.abs() != IDENTITY).flatten(1).any(1)
        moved = ((self.shift != 0).any(1) | turned).tolist()
        signs = self.linear.diagonal(dim1=1, dim2=2).tolist()
        pairs = zip(moved, signs, strict=True)
        return [None if away else _mirrored_axes(*diagonal) for away, diagonal in pairs]

    def turns(self) -> Tensor:
        """Return what directions in the image plane are multiplied by, ``(N, 2, 2)``.

        The inverse of ``linear``, without its scale: adj(A)·sign(det A) / √|det A|.
        """
        (a, b), (c, d) = self.linear.permute(1, 2, 0)
        det = a * d - b * c
        adjugate = torch.stack([d, -b, -c, a], dim=1).reshape(-1, 2, 2)
        turns: Tensor = adjugate * (det.sign() / det.abs().sqrt())[:, None, None]
        return turns

    def check(self, count: int, name: str) -> None:
        """Refuse a placement that cannot be of so many samples.

        Args:
            count: of samples.
            name: of what made the placement, for messages.

        Raises:
            ContractError: a tensor is not float64 on the CPU with an entry a sample, or holds what
                it should not.
        """
        expected = {"linear": (count, 2, 2), "shift": (count, 2), "divisor": (count,)}
        for field, shape in expected.items():
            tensor: Tensor = getattr(self, field)
            if tensor.shape != shape or tensor.dtype != torch.float64 or not tensor.is_cpu:
                raise ContractError(
                    f"{name}: '{field}' must be {shape} in float64 on the CPU, "
                    f"not {tuple(tensor.shape)} in {tensor.dtype} on {tensor.device}."
                )
        det = self.linear.det()
        finite = all(bool(x.isfinite().all()) for x in (det, self.shift, self.divisor))
        if not finite or not bool(det.all()) or not bool((self.divisor > 0).all()):
            raise ContractError(
                f"{name} must be finite, with 'linear' regular and 'divisor' above 0."
            )


def _mirrored_axes(x: float, y: float) -> tuple[int, ...]:
    """Return the axes of an image that the signs of x and y turn round."""
    axes: tuple[int, ...] = ()
    if x < 0:
        axes += (-1,)
    if y < 0:
        axes += (-2,)
    return axes
