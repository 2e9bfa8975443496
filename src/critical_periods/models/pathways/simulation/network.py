"""Multi-pathway network y = sum_p W_p^D ... W_p^1 x on whitened inputs (eqs 1-5), with gating and lesions (A.1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from critical_periods.dynamics.activations import ACTIVATIONS, vanishes
from critical_periods.dynamics.arguments import check_choice
from critical_periods.dynamics.arrays import alike, as_numpy, engine
from critical_periods.dynamics.landscape import Observations, Parameters
from critical_periods.dynamics.schedules import Phase
from critical_periods.models.pathways.simulation.scalar import lesioned_modes, pathway_factors


def random_rotation(size: int, generator: np.random.Generator) -> np.ndarray:
    """Orthogonal matrix of shape (size, size), uniformly distributed: the R of a balanced initialization."""
    orthogonal, triangle = np.linalg.qr(generator.standard_normal((size, size)))
    return orthogonal * np.sign(np.diag(triangle))


def balanced_weights(
    left: np.ndarray, right: np.ndarray, p: np.ndarray, q: np.ndarray, depth: int, rotation: np.ndarray
) -> list[np.ndarray]:
    """Weights of one pathway, diagonal in the task's singular basis: W^1 = R Q V^T, W^i = R Q R^T, W^D = U P R^T.

    The product is U diag(p q^(D-1)) V^T, and training keeps the form, so that eqs 6-8 hold exactly (appendix A.1).
    With p = q the layers are balanced.

    Parameters
    ----------
    left, right
        Singular vectors U, shape (outputs, modes), and V, shape (inputs, modes).
    p, q
        Scale of each mode in the last matrix and in each matrix below it, shape (modes,).
    depth
        Number of weight matrices D, 2 or more.
    rotation
        R, orthogonal, shape (width, width).

    Returns
    -------
    list of arrays
        W^1 of shape (width, inputs), D - 2 matrices of shape (width, width), and W^D of shape (outputs, width).

    Raises
    ------
    ValueError
        If the depth is below 2, or the network is narrower than the number of modes.
    """
    modes = left.shape[1]
    if depth < 2:
        raise ValueError(f"depth = {depth}; allowed: 2 or more")
    if rotation.shape[0] < modes:
        raise ValueError(f"width = {rotation.shape[0]}; allowed: {modes} or more, one unit for every mode")
    frame = rotation[:, :modes]
    hidden = (frame * q) @ frame.T
    return [(frame * q) @ right.T, *(hidden.copy() for _ in range(depth - 2)), (left * p) @ frame.T]


@dataclass(frozen=True)
class PathwayNetwork:
    """Network whose pathways see the same whitened inputs and whose outputs add up (section 3).

    Parameters are the weights W^1, ..., W^D of the first pathway, then those of the second, and so on; each matrix has
    shape (..., units above, units below), leading axes numbering independent runs. The inputs are one-hot, so that
    outputs form the matrix Y = sum_p Y_p with Y_p = W_p^D ... W_p^1, or its like with activations, and the loss is
    1/2 |Y - target|^2, summed over samples and outputs (eq 4).

    Parameters
    ----------
    left, right
        Singular vectors U, shape (outputs, modes), and V, shape (inputs, modes), of the task: the basis in which
        lesions act and pathways are observed.
    depths
        Number of weight matrices of every pathway.
    pathways
        Names of the pathways, in order.
    activation
        "linear", or "tanh" or "relu" after every layer of a pathway, its output too.
    dims
        Names of the leading axes of the weights.
    """

    left: Any
    right: Any
    depths: tuple[int, ...]
    pathways: tuple[str, ...] = ("a", "b")
    activation: str = "linear"
    dims: tuple[str, ...] = ()

    honours: ClassVar[frozenset[str]] = frozenset({"plasticity", "lesions", "rate"})

    def __post_init__(self) -> None:
        if len(self.depths) != len(self.pathways):
            raise ValueError(f"depths = {self.depths}; allowed: one for each of the pathways {self.pathways}")
        if any(depth < 1 for depth in self.depths):
            raise ValueError(f"depths = {self.depths}; allowed: 1 or more each")
        check_choice("activation", self.activation, ACTIVATIONS)

    @property
    def batched(self) -> bool:
        """Whether the weights have leading axes."""
        return bool(self.dims)

    def loss(self, parameters: Parameters, phase: Phase) -> np.ndarray:
        """Loss of eq 4 on the phase's task, one value for each run."""
        outputs = [states[-1] for states in self._forward(parameters)]
        return as_numpy(0.5 * (self._residual(outputs, phase) ** 2).sum((-2, -1)))

    def gradient(self, parameters: Parameters, phase: Phase) -> list[Any]:
        """Gradient with respect to every weight matrix, as the phase's gating and lesions let it through.

        dL/dW^i = delta^i (h^(i-1))^T, where delta^D is the residual Y - target behind the lesion and the activation's
        slope, and delta^(i-1) = (W^i)^T delta^i times the slope. Gating multiplies all of a pathway by its plasticity,
        while its output still adds to Y.
        """
        factors = pathway_factors(phase.plasticity, self.pathways, phase.name)
        states = list(self._forward(parameters))
        residual = self._residual([outputs[-1] for outputs in states], phase)
        lesions = self._lesions(phase)
        slopes: list[Any] = []
        for index, (weights, outputs) in enumerate(zip(self._split(parameters), states, strict=True)):
            if factors[index] == 0:
                slopes.extend(engine(weight).zeros_like(weight) for weight in weights)
                continue
            delta = self._lesioned(residual, lesions.get(index)) * factors[index]
            slopes.extend(self._backward(weights, outputs, delta))
        return slopes

    def observe(self, parameters: Parameters, phase: Phase) -> Observations:
        """Training loss, and what every pathway expresses, in the task's singular basis.

        Returns
        -------
        dict
            `train_loss` (...,); `pathway_singular_value` (..., pathway, mode): diagonal of K_p = U^T Y_p V. `dead`
            (...,): whether Y is exactly 0, unlike the loss, and no gradient would reach the weights without any
            deficit.
        """
        matrices = self.pathway_matrices(parameters, phase)
        loss, dead = self.loss(parameters, phase), vanishes([outputs[-1] for outputs in self._forward(parameters)])
        if dead.any():
            normal = replace(phase, plasticity={}, lesions={})
            dead &= vanishes(self.gradient(parameters, normal))
            dead = as_numpy(dead) & (self.loss(parameters, normal) > 0)
        return {
            "train_loss": (self.dims, loss),
            "dead": (self.dims, as_numpy(dead)),
            "pathway_singular_value": (
                (*self.dims, "pathway", "mode"),
                as_numpy(engine(matrices).linalg.diagonal(matrices)),
            ),
        }

    def pathway_matrices(self, parameters: Parameters, phase: Phase) -> Any:
        """K_p = U^T Y_p V, lesioned modes zero, of every pathway; shape (..., pathway, mode, mode)."""
        lesions = self._lesions(phase)
        matrices = []
        for index, outputs in enumerate(self._forward(parameters)):
            output = self._lesioned(outputs[-1], lesions.get(index))
            matrices.append(alike(self.left, output).mT @ output @ alike(self.right, output))
        return engine(matrices[0]).stack(matrices, axis=-3)

    def _split(self, parameters: Parameters) -> Iterator[list[Any]]:
        """The weights of one pathway after the other."""
        if len(parameters) != sum(self.depths):
            raise ValueError(
                f"{len(parameters)} weight matrices; allowed: {sum(self.depths)} for depths {self.depths}"
            )
        start = 0
        for depth in self.depths:
            yield list(parameters[start : start + depth])
            start += depth

    def _forward(self, parameters: Parameters) -> Iterator[list[Any]]:
        """Outputs of every layer on all inputs, W^1 first, shape (..., units, samples); pathway after pathway."""
        activate = ACTIVATIONS[self.activation]
        for weights in self._split(parameters):
            outputs: list[Any] = []
            for weight in weights:
                below = weight @ outputs[-1] if outputs else weight
                outputs.append(below if activate is None else activate.value(below))
            yield outputs

    def _backward(self, weights: list[Any], outputs: list[Any], delta: Any) -> list[Any]:
        activate = ACTIVATIONS[self.activation]
        slopes: list[Any] = []
        for layer in range(len(weights) - 1, -1, -1):
            if activate is not None:
                delta = delta * activate.slope(outputs[layer])
            slopes.append(delta @ outputs[layer - 1].mT if layer else delta)
            if layer:
                delta = weights[layer].mT @ delta
        return slopes[::-1]

    def _residual(self, outputs: Sequence[Any], phase: Phase) -> Any:
        """Y - target, with lesioned modes missing from the pathways' outputs."""
        lesions = self._lesions(phase)
        total = -alike(phase.task.target, outputs[0])
        for index, output in enumerate(outputs):
            total = total + self._lesioned(output, lesions.get(index))
        return total

    def _lesions(self, phase: Phase) -> dict[int, tuple[int, ...]]:
        return lesioned_modes(phase, self.pathways, np.shape(self.left)[1])

    def _lesioned(self, output: Any, modes: Sequence[int] | None) -> Any:
        """The output with row m and column m of U^T output V set to zero for every lesioned mode m.

        The map is a product of orthogonal projections, its own transpose, so that it serves the backward pass too.
        """
        if not modes:
            return output
        left, right = (alike(basis, output)[:, list(modes)] for basis in (self.left, self.right))
        output = output - left @ (left.mT @ output)
        return output - (output @ right) @ right.mT
