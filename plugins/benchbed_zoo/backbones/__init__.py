"""Small built-in backbones, and the adapter to timm."""
