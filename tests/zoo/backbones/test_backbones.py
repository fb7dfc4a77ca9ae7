import pytest
import torch

from benchbed import Input
from benchbed.basics.errors import ContractError, MethodError
from benchbed_zoo.backbones.conv_small import ConvSmall
from benchbed_zoo.backbones.mlp import Mlp
from benchbed_zoo.backbones.timm_features import TimmFeatures


def assert_features_fit(backbone, height, width, channels_in=3):
    """Each map has the stated channels, and the input's size over the stated reduction."""
    with torch.no_grad():
        maps = backbone.eval()(torch.rand(2, channels_in, height, width))
    expected = [
        (2, channels, -(-height // reduction), -(-width // reduction))
        for channels, reduction in zip(backbone.channels, backbone.reductions, strict=True)
    ]
    assert [tuple(features.shape) for features in maps] == expected
    assert list(backbone.reductions) == sorted(backbone.reductions)  # finest first


@pytest.mark.parametrize("width", [1, 16])
@pytest.mark.parametrize("size", [(8, 8), (9, 13), (32, 16)])
@pytest.mark.parametrize("channels", [1, 3])
def test_conv_smalls_features_fit_what_it_states(width, size, channels):
    backbone = ConvSmall(Input((channels, *size)), width=width)
    assert tuple(backbone.channels) == (width, 2 * width, 4 * width)
    assert_features_fit(backbone, *size, channels_in=channels)


def test_conv_small_wants_images():
    with pytest.raises(ContractError, match=r"wants images \(C, H, W\), not shape \(5,\)"):
        ConvSmall(Input((5,)))


@pytest.mark.parametrize("shape", [(4,), (1, 8, 8), (3, 5, 5)])
def test_mlps_feature_is_one_vector_a_sample(shape):
    backbone = Mlp(Input(shape), width=7)
    (features,) = backbone(torch.rand(2, *shape))
    assert features.shape == (2, 7, 1, 1)
    assert tuple(backbone.channels) == (7,)
    assert tuple(backbone.reductions) == (max(shape[1:], default=1),)


def test_mlp_looks_at_every_entry_of_the_input():
    backbone = Mlp(Input((2, 3, 3)), width=64)
    x = torch.rand(1, 2, 3, 3, requires_grad=True)
    backbone(x)[0].sum().backward()
    assert x.grad.ne(0).all()


@pytest.mark.parametrize(
    ("model", "size"),
    [
        ("resnet18", 64),
        ("mobilenetv3_small_100", 64),
        ("vit_tiny_patch16_224", 64),
        ("swin_tiny_patch4_window7_224", 64),
    ],
)
def test_timms_features_fit_what_is_stated(model, size):
    backbone = TimmFeatures(Input((3, size, size)), model)
    assert len(backbone.channels) > 1
    assert_features_fit(backbone, size, size)


def test_timm_takes_images_that_are_not_square_and_of_other_channels():
    assert_features_fit(TimmFeatures(Input((1, 64, 96)), "resnet18"), 64, 96, channels_in=1)


def test_timms_model_is_the_named_one_without_pretrained_weights():
    torch.manual_seed(0)
    one = TimmFeatures(Input((3, 32, 32)), "resnet18")
    other = TimmFeatures(Input((3, 32, 32)), "resnet18")
    weights = [b.model.conv1.weight for b in (one, other)]
    assert weights[0].shape == (64, 3, 7, 7)
    assert not torch.equal(*weights)  # drawn anew, so from no file


def test_an_unknown_timm_model_is_refused_with_the_nearest_name():
    expected = r"no timm model 'resnet18x'\. Did you mean 'resnet18\w?'"
    with pytest.raises(MethodError, match=expected):
        TimmFeatures(Input((3, 32, 32)), "resnet18x")


def test_why_timm_gives_no_features_is_passed_on_by_a_sentence(monkeypatch):
    def refusing(*_args, **_options):
        raise RuntimeError("features_only not implemented for Vision Transformer models.")

    monkeypatch.setattr("timm.create_model", refusing)
    expected = "timm model 'resnet18' gives no features: features_only not implemented"
    with pytest.raises(MethodError, match=expected):
        TimmFeatures(Input((3, 32, 32)), "resnet18")
