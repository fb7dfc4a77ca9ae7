"""An architecture: hard parameter sharing with two-layer heads."""

from torch import nn

from benchbed import Architecture


class DeepHeads(Architecture):
    """One backbone; for each task pooling, a hidden layer and an output layer."""

    def __init__(self, context, backbone="", hidden=32):
        super().__init__(context)
        self.backbone = context.backbone()
        width = self.backbone.channels[-1]
        self.heads = nn.ModuleDict(
            {
                name: nn.Sequential(
                    nn.AdaptiveAvgPool2d(1),
                    nn.Flatten(),
                    nn.Linear(width, hidden),
                    nn.ReLU(),
                    nn.Linear(hidden, task.channels),
                )
                for name, task in context.tasks.items()
            }
        )

    def forward(self, x, tasks):
        """Return each task's output."""
        features = self.backbone(x)[-1]
        return {task: self.heads[task](features) for task in tasks}
