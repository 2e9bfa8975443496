"""A two-layer linear autoencoder whose strongest inputs are masked for a while: a model in one file."""

from critical_periods.configuration.fields import Epochs, Rate, SomeEpochs, key
from critical_periods.models.registry import ModelSpec, Variable


class Autoencoder(ModelSpec):
    """Linear autoencoder y = W_2 W_1 x with a bottleneck, on independent inputs of falling variance."""

    name = "autoencoder"
    rule = "train_autoencoder"
    message = "Training, {cells}"
    minutes = (5, 1)
    default_cells_per_job = 100
    variables = {
        "epoch": Variable("training epoch", "epoch", "epoch"),
        "error": Variable("error on all inputs after training", label="error", dims=()),
        "error_history": Variable("error on all inputs", label="error", dims=("epoch",)),
    }

    size: int = key("Number of inputs.", 12, ge=2, le=1000)
    hidden: int = key("Units of the bottleneck.", 3, label="bottleneck", ge=1, le=1000)
    masked: int = key("How many of the strongest inputs the deficit masks.", 3, label="masked inputs", ge=0, le=1000)
    decay: float = key("Variance of an input over that of the one before.", 0.8, gt=0, le=1)
    init_scale: float = key("Standard deviation of the initial weights.", 0.01, gt=0, le=10)
    learning_rate: Rate = key("Step of gradient descent.", 0.05, label="learning rate")
    onset: Epochs = key("First epoch of the deficit.", 0, label="onset of the deficit", unit="epoch")
    duration: Epochs = key("Its epochs.", 300, label="duration of the deficit", unit="epoch")
    after: SomeEpochs = key("Epochs of training after the deficit.", 400, unit="epoch")
    record_every: SomeEpochs = key("Epochs between two records.", 10, unit="epoch")

    @staticmethod
    def simulate(parameters, progress=None, diverged="fail"):
        """Train through the deficit; `error_history` (epoch) and `error`, its last value, are those on all inputs."""
        import numpy as np

        from critical_periods.dynamics.random_streams import random_stream
        from critical_periods.dynamics.schedules import Phase, Task
        from critical_periods.solvers import gradient_descent

        size, hidden = parameters["size"], parameters["hidden"]
        variances = parameters["decay"] ** np.arange(size)
        seen = np.ones(size)
        masked = np.where(np.arange(size) < parameters["masked"], 0.0, 1.0)
        schedule = [
            Phase("before", parameters["onset"], Task(variances, seen)),
            Phase("masked", parameters["duration"], Task(variances, masked)),
            Phase("after", parameters["after"], Task(variances, seen)),
        ]
        draws = random_stream(parameters["seed"], "weights")
        weights = [
            parameters["init_scale"] * draws.standard_normal(shape) for shape in ((hidden, size), (size, hidden))
        ]
        settings = {name: parameters[name] for name in ("learning_rate", "record_every")}
        solution = gradient_descent(Landscape(), weights, schedule, **settings, diverged=diverged)
        errors = solution.trajectory.rename(error="error_history").drop_vars(["phase", "train_loss"])
        return errors.assign(error=errors["error_history"].isel(epoch=-1, drop=True))


class Landscape:
    """Loss 1/2 E|x - W_2 W_1 (m o x)|^2: the task's target is the variance of every input, its mask m."""

    dims = ()
    honours = frozenset({"mask"})

    def gradient(self, parameters, phase):
        """Gradient with respect to W_1 and W_2."""
        first, second = parameters
        seen = phase.task.target * phase.task.mask  # E[x (m o x)^T], a diagonal
        residual = second @ first * seen
        residual[range(len(seen)), range(len(seen))] -= seen
        return [second.T @ residual, residual @ first.T]

    def observe(self, parameters, phase):
        """Loss, and the error on all inputs, whatever the phase masks."""
        import numpy as np

        errors = [
            0.5 * np.sum((np.eye(len(seen)) - parameters[1] @ parameters[0] * seen) ** 2 * phase.task.target)
            for seen in (phase.task.mask, np.ones_like(phase.task.mask))
        ]
        return {"train_loss": ((), errors[0]), "error": ((), errors[1])}


def early_harm(dataset):
    """Error after the earliest deficit minus that after the latest one."""
    error = dataset["error"].sortby("onset")
    return error.isel(onset=0, drop=True) - error.isel(onset=-1, drop=True)


MODELS = (Autoencoder,)
