"""Scalar reduction of the multi-pathway network: scales p and q of every mode and pathway (eqs 6-8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from critical_periods.dynamics.landscape import Observations, Parameters
from critical_periods.dynamics.schedules import Phase

#: Newton's method for `scales` converges monotonically; this many steps are far more than it has ever needed.
NEWTON_STEPS = 100


def pathway_singular_value(p: Any, q: Any, depth: Any) -> np.ndarray:
    """Singular value that a pathway contributes: K = p q^(D-1) (eq 6).

    Parameters
    ----------
    p, q
        Scale of the last weight matrix, and of each of the D - 1 below it; any shape.
    depth
        Number of weight matrices D, or an array of them that broadcasts against p.
    """
    return p * np.power(q, np.subtract(depth, 1))


def learning_speed(p: Any, q: Any, depth: Any) -> np.ndarray:
    """Factor between the error s - K_a - K_b and dK/dt: q^(2(D-1)) + (D-1) p^2 q^(2(D-2)) (sections 1 and 3)."""
    square = np.square(q)
    return np.power(square, np.subtract(depth, 1)) + np.subtract(depth, 1) * np.square(p) * np.power(
        square, np.subtract(depth, 2)
    )


def sharpness(p: Any, q: Any, depth: Any, singular_value: Any) -> np.ndarray:
    """Largest eigenvalue of the Hessian of 1/2 r^2, r = sum_b K_b - s, in all the D weights of every pathway.

    The Hessian is the outer product of the gradient of sum_b K_b with itself, plus r times that sum's own Hessian, by
    which pathways do not mix. Of the D - 1 lower weights of a pathway, all q, it keeps their sum: what remains is a
    matrix of two rows a pathway, for p and for that sum, and for D > 2 the eigenvalue -r p q^(D-3) of their
    differences. At a minimum, r = 0, the sharpness is the sum of `learning_speed` over pathways, that is
    sum_b D K_b^(2 - 2/D) where q^2 = p^2; it repels steps of gradient descent above 2 over it.

    Parameters
    ----------
    p, q
        Scales, shape (pathway, ...).
    depth
        Number of weight matrices D, or an array that broadcasts against p.
    singular_value
        s, of a shape that broadcasts against (...).
    """
    p, q, lower = np.broadcast_arrays(p, q, np.subtract(depth, 1))
    residual = pathway_singular_value(p, q, lower + 1).sum(axis=0) - singular_value
    below, twice_below = q ** (lower - 1), q ** np.maximum(lower - 2, 0)
    slopes = np.stack([q * below, np.sqrt(lower) * p * below], axis=-1)
    curvatures = np.zeros((*p.shape, 2, 2))
    curvatures[..., 0, 1] = curvatures[..., 1, 0] = np.sqrt(lower) * below
    curvatures[..., 1, 1] = (lower - 1) * p * twice_below
    slopes, curvatures = np.moveaxis(slopes, 0, -2), np.moveaxis(curvatures, 0, -3) * residual[..., None, None, None]
    pathways = len(p)
    gradient = slopes.reshape(*residual.shape, 2 * pathways)
    hessian = gradient[..., :, None] * gradient[..., None, :]
    for index in range(pathways):
        own = slice(2 * index, 2 * index + 2)
        hessian[..., own, own] += curvatures[..., index, :, :]
    differences = np.where(lower > 1, -residual * p * twice_below, -np.inf).max(axis=0)
    return np.maximum(np.linalg.eigvalsh(hessian)[..., -1], differences)


def scales(strength: Any, depth: Any, imbalance: Any = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Scales p and q >= 0 with p q^(D-1) = K and q^2 - p^2 = C (eqs 6 and 8): the inverse of `pathway_singular_value`.

    With x the logarithm of the smaller one of |p| and q, the equation for x is increasing and convex, so that
    Newton's method from above converges to the only root, for any K down to the smallest float and K = 0 itself.

    Parameters
    ----------
    strength
        K; p takes its sign.
    depth
        Number of weight matrices D, 2 or more; an integer or an array of them.
    imbalance
        The conserved C = q^2 - p^2, of either sign.

    Returns
    -------
    p, q
        Arrays of the common shape of the arguments. Where K = 0: p = 0 if C >= 0, else q = 0 and p > 0.

    Raises
    ------
    ValueError
        If a depth is below 2 (a single matrix has no q), or an argument is not finite.
    """
    strength, depth, imbalance = np.broadcast_arrays(
        np.asarray(strength, dtype=float), _checked_depth(depth), np.asarray(imbalance, dtype=float)
    )
    if not (np.isfinite(strength).all() and np.isfinite(imbalance).all()):
        raise ValueError("pathway singular value and imbalance must be finite")
    gap = np.abs(imbalance)
    smaller_is_p = imbalance >= 0
    # |K| = small^a (gap + small^2)^(b/2), small being |p| or q
    own = np.where(smaller_is_p, 1.0, depth - 1.0)
    other = np.where(smaller_is_p, depth - 1.0, 1.0)
    with np.errstate(divide="ignore"):
        log_strength, log_gap = np.log(np.abs(strength)), np.log(gap)
    nonzero = strength != 0
    log_strength = np.where(nonzero, log_strength, 0.0)
    with np.errstate(invalid="ignore"):
        x = np.minimum((log_strength - 0.5 * other * log_gap) / own, log_strength / (own + other))
    for _ in range(NEWTON_STEPS):
        log_large = np.logaddexp(log_gap, 2 * x)
        residual = own * x + 0.5 * other * log_large - log_strength
        step = residual / (own + other * np.exp(2 * x - log_large))
        x = x - step
        if np.all(np.abs(step) <= 4 * np.finfo(float).eps * np.maximum(1.0, np.abs(x))):
            break
    small = np.where(nonzero, np.exp(x), 0.0)
    large = np.hypot(np.sqrt(gap), small)
    sign = np.where(strength < 0, -1.0, 1.0)
    return sign * np.where(smaller_is_p, small, large), np.where(smaller_is_p, large, small)


def flow_field(strengths: Any, singular_value: Any, depth: Any, imbalance: Any = 0.0) -> np.ndarray:
    """Velocity dK/dt of every pathway without a deficit, as a function of the K alone (the arrows of figures 1 and 7).

    dK_a/dt = [q_a^(2(D-1)) + (D-1) p_a^2 q_a^(2(D-2))] (s - sum_b K_b), with p and q from `scales`.

    Parameters
    ----------
    strengths
        K of every pathway, shape (pathway, ...), any number of pathways.
    singular_value
        s, the singular value to be learned; a number or shape (...).
    depth, imbalance
        D and C = q^2 - p^2; numbers, or arrays that broadcast against `strengths`.

    Returns
    -------
    (pathway, ...) array
        dK/dt, in units of K per unit of time; one epoch is `learning_rate` units.
    """
    strengths = np.asarray(strengths, dtype=float)
    p, q = scales(strengths, depth, imbalance)
    return learning_speed(p, q, _checked_depth(depth)) * (singular_value - strengths.sum(axis=0))


def initial_scales(p: Any, imbalance: Any = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Pair (p, q) with q = sqrt(C + p^2) > 0, for p drawn at will (figure 1) and a given C = q^2 - p^2.

    Raises
    ------
    ValueError
        If C + p^2 is negative somewhere: no real q has that imbalance.
    """
    p = np.asarray(p, dtype=float)
    square = np.square(p) + imbalance
    if np.any(square < 0):
        raise ValueError(f"imbalance = {np.min(imbalance)}; allowed: -p^2 or more, here {-np.square(p).min():g}")
    return p, np.sqrt(square)


@dataclass(frozen=True)
class ScalarPathways:
    """Model of eqs 6-8: parameters (p, q), each of shape (pathway, ...), independent in every axis but the first.

    dp_a/dt = q_a^(D-1) (s - sum_b K_b) and dq_a/dt = p_a q_a^(D-2) (s - sum_b K_b) with K = p q^(D-1); the phase's
    task has the singular values s, of a shape that broadcasts against (...). The gradient is the negative of these
    velocities, so that gradient descent on this model is the paper's Euler integration and its learning rate the step.
    It is not the gradient of the loss in q, which moves all D - 1 lower matrices at once, but that of each of them.

    Parameters
    ----------
    depth
        Number of weight matrices D of a pathway, 2 or more; or an array that broadcasts against (pathway, ...), such
        as (pathways, 1) for pathways of different depth.
    dims
        Names of the axes (...). An axis "mode", which must be the last, numbers the modes that lesions name.
    pathways
        Names of the pathways, in the order of the first axis.
    """

    depth: Any
    dims: tuple[str, ...] = ("mode",)
    pathways: tuple[str, ...] = ("a", "b")

    honours: ClassVar[frozenset[str]] = frozenset({"plasticity", "lesions", "rate"})

    def __post_init__(self) -> None:
        _checked_depth(self.depth)

    def loss(self, parameters: Parameters, phase: Phase) -> np.ndarray:
        """Loss 1/2 (s - sum_b K_b)^2, shape (...); its sum over modes is the network's loss."""
        return 0.5 * np.square(self._error(self._expressed(parameters, phase), phase))

    def gradient(self, parameters: Parameters, phase: Phase) -> list[np.ndarray]:
        """Negative velocities of p and q (eq 7), as gating and lesions let them through."""
        p, q = (np.asarray(parameter) for parameter in parameters)
        inner = np.power(q, np.subtract(self.depth, 2))
        expressed = p * q * inner
        drive = pathway_factors(phase.plasticity, self.pathways, phase.name)
        drive = drive.reshape(-1, *(1,) * (p.ndim - 1))
        if phase.lesions:
            present = self._present(p.shape, phase)
            expressed, drive = expressed * present, drive * present
        drive = -drive * self._error(expressed, phase)
        return [drive * q * inner, drive * p * inner]

    def observe(self, parameters: Parameters, phase: Phase) -> Observations:
        """Training loss, and the singular values that the pathways express.

        Returns
        -------
        dict
            `train_loss` (...); `pathway_singular_value` (pathway, ...): K = p q^(D-1), 0 where lesioned; `imbalance`
            (pathway, ...): q^2 - p^2, which eq 8 conserves.
        """
        p, q = parameters
        axes = ("pathway", *self.dims)
        return {
            "train_loss": (self.dims, self.loss(parameters, phase)),
            "pathway_singular_value": (axes, self._expressed(parameters, phase)),
            "imbalance": (axes, np.square(q) - np.square(p)),
        }

    def _error(self, expressed: np.ndarray, phase: Phase) -> np.ndarray:
        return np.asarray(phase.task.target) - expressed.sum(axis=0)

    def _expressed(self, parameters: Parameters, phase: Phase) -> np.ndarray:
        p, q = parameters
        strength = pathway_singular_value(p, q, self.depth)
        return strength * self._present(strength.shape, phase) if phase.lesions else strength

    def _present(self, shape: Sequence[int], phase: Phase) -> np.ndarray:
        """0 for the modes lesioned in a pathway and 1 for all others, shape (pathway, 1, ..., mode)."""
        if self.dims[-1:] != ("mode",):
            raise ValueError(f"phase {phase.name!r}: lesions need a last axis 'mode'; this model has {self.dims}")
        present = np.ones((len(self.pathways), *(1,) * (len(shape) - 2), shape[-1]))
        for index, modes in lesioned_modes(phase, self.pathways, shape[-1]).items():
            present[index, ..., list(modes)] = 0.0
        return present


def pathway_factors(factors: Any, pathways: Sequence[str], phase_name: str) -> np.ndarray:
    """Factor on the gradient of each pathway, in order; 1 for the pathways not named.

    Raises
    ------
    ValueError
        If a deficit names a pathway that the model does not have.
    """
    _refuse_unknown(factors, pathways, phase_name)
    return np.array([float(factors.get(pathway, 1.0)) for pathway in pathways])


def lesioned_modes(phase: Phase, pathways: Sequence[str], n_modes: int) -> dict[int, tuple[int, ...]]:
    """Modes lesioned in each pathway, by the pathway's index.

    Raises
    ------
    ValueError
        If a lesion names a pathway or a mode that the model does not have.
    """
    _refuse_unknown(phase.lesions, pathways, phase.name)
    for pathway, modes in phase.lesions.items():
        for mode in modes:
            if not 0 <= mode < n_modes:
                raise ValueError(
                    f"phase {phase.name!r}: lesioned mode of pathway {pathway!r} = {mode}; allowed: 0 to {n_modes - 1}"
                )
    return {pathways.index(pathway): tuple(modes) for pathway, modes in phase.lesions.items()}


def _refuse_unknown(named: Any, pathways: Sequence[str], phase_name: str) -> None:
    for pathway in named:
        if pathway not in pathways:
            raise ValueError(f"phase {phase_name!r}: pathway {pathway!r}; allowed: {', '.join(pathways)}")


def _checked_depth(depth: Any) -> np.ndarray:
    depth = np.asarray(depth)
    if not np.issubdtype(depth.dtype, np.integer) or np.any(depth < 2):
        raise ValueError(f"depth = {depth}; allowed: integers of 2 or more")
    return depth
