"""Any timm model as a backbone."""

from __future__ import annotations

from torch import Tensor

from benchbed.basics.errors import MethodError, suggest
from benchbed.contracts.backbone import Backbone
from benchbed.contracts.dataset import Input


class TimmFeatures(Backbone):
    """A timm model's feature maps, trained from scratch.

    Args:
        input: images, ``(C, H, W)``.
        model: its name in timm.

    Raises:
        MethodError: timm has no such model, or the model gives no feature maps.
    """

    def __init__(self, input: Input, model: str = "resnet18") -> None:
        super().__init__(input)
        import timm

        if not timm.is_model(model.partition(".")[0]):
            raise MethodError(
                f"There is no built-in backbone and no timm model '{model}'."
                f"{suggest(model, timm.list_models())}"
            )
        sized = {"img_size": input.shape[1:]} if _wants_size(model) else {}
        try:
            self.model = timm.create_model(
                model, features_only=True, in_chans=input.shape[0], **sized
            )
        except (RuntimeError, AttributeError, AssertionError) as error:
            raise MethodError(f"timm model '{model}' gives no features: {error}.") from error
        self.channels = tuple(self.model.feature_info.channels())
        self.reductions = tuple(self.model.feature_info.reduction())

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the model's feature maps, channels first.

        Args:
            x: images, ``(N, C, H, W)``.

        Returns:
            ``(N, channels, h, w)`` each, finest first.
        """
        return [
            # some transformers give maps channels last
            feature if feature.shape[1] == channels else feature.permute(0, 3, 1, 2)
            for feature, channels in zip(self.model(x), self.channels, strict=True)
        ]


def _wants_size(model: str) -> bool:
    """Tell whether a model is made for one image size (transformers with fixed positions)."""
    return model.startswith(("vit_", "deit", "beit", "eva", "swin", "cait", "xcit"))
