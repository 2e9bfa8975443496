"""The loop that researchers write by hand, as the yardstick of the benchmarks: honest and untuned.

Autograd for the gradient, an SVD every ten epochs to watch singular values and vectors, and every switch epoch trained
from scratch; `svd=torch.linalg.svdvals` watches the values alone, which is cheaper. It shares the project's draws,
so that both compute the same numbers.

    python benchmarks/baseline.py --updates 2000
"""

import argparse
import time

import numpy as np
import torch

from critical_periods.dynamics.random_streams import random_stream
from critical_periods.models.matrix_completion.simulation.landscape import initial_weights
from critical_periods.models.matrix_completion.simulation.simulate import matrix_tasks


class DeepFactorization(torch.nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.layers = torch.nn.ParameterList([torch.nn.Parameter(weight.clone()) for weight in weights])

    def forward(self):
        product = self.layers[0]
        for layer in list(self.layers)[1:]:
            product = layer @ product
        return product


def train(model, target, mask, epochs, learning_rate, history, svd):
    """Train on one task, updating the model; append loss and SVD every ten epochs."""
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate)
    for epoch in range(epochs):
        product = model()
        loss = 0.5 * ((product - target)[mask] ** 2).mean()
        if epoch % 10 == 0:
            with torch.no_grad():
                history.append((loss.item(), svd(product)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def run(parameters, updates=None, svd=torch.linalg.svd):
    """Train every switch epoch of a cell from scratch.

    Parameters
    ----------
    parameters
        Parameters of a matrix-completion cell.
    updates
        Stop after this many updates in all; None trains to the end.
    svd
        What watches the product matrix.

    Returns
    -------
    errors, updates, seconds
        Final reconstruction error by switch epoch (those that were reached), updates made, CPU time they took.
    """
    first, final = matrix_tasks(parameters)
    draw = random_stream(parameters["seed"], "weights")
    weights = initial_weights(parameters["depth"], parameters["size"], parameters["init_scale"], draw)
    tensors = [torch.as_tensor(weight, dtype=torch.float32) for weight in weights]
    tasks = [
        (torch.as_tensor(task.target, dtype=torch.float32), torch.as_tensor(task.mask)) for task in (first, final)
    ]
    errors, done, start = {}, 0, time.process_time()
    left = np.inf if updates is None else updates
    for switch_epoch in parameters["switch_epochs"]:
        model, history = DeepFactorization(tensors), []
        for (target, mask), epochs in zip(tasks, (switch_epoch, parameters["final_epochs"]), strict=True):
            count = int(min(epochs, left - done))
            train(model, target, mask, count, parameters["learning_rate"], history, svd)
            done += count
        if done >= left:
            break
        with torch.no_grad():
            errors[switch_epoch] = ((model() - tasks[1][0]) ** 2).mean().item()
    return errors, done, time.process_time() - start


if __name__ == "__main__":
    import yaml
    from bench import paper_cell

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--updates", type=int, help="stop after so many updates; default: all of the cell's")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    errors, done, seconds = run(paper_cell(), arguments.updates)
    print(yaml.safe_dump({"updates": done, "microseconds per update": 1e6 * seconds / done, "errors": errors}))
