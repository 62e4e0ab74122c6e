"""A network for slices of any size: they are mirrored at their edges up to a multiple of 32, and cut back."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

STRIDE = 32
# Grey values of 0 to 1 become what the encoders saw of ImageNet: the mean over its channels.
MEAN, STD = 0.449, 0.226


class Padded(nn.Module):  # type: ignore[misc]
    """Scales grey values, pads, and cuts the logits back to the size of the slice."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, grey: Tensor) -> Tensor:
        """Logits (n, classes, y, x) of grey values (n, slices, y, x), 0 to 1."""
        n_y, n_x = grey.shape[-2:]
        below, right = -n_y % STRIDE, -n_x % STRIDE
        x = (grey - MEAN) / STD
        if below or right:
            # A mirror reaches no farther than the slice itself.
            mode = "reflect" if below < n_y and right < n_x else "replicate"
            x = functional.pad(x, (0, right, 0, below), mode=mode)
        return self.net(x)[..., :n_y, :n_x]
