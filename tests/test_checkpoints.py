"""Checkpoints: a training that was stopped and goes on ends where an undisturbed one does, bit for bit."""

import signal
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from critical_periods.dynamics import trajectories
from critical_periods.dynamics.schedules import Phase, Task
from critical_periods.dynamics.trajectories import Progress
from critical_periods.execution.checkpoints import CheckpointFile, CheckpointFiles
from critical_periods.models.matrix_completion.simulation.simulate import complete, pretrain
from critical_periods.models.pathways.simulation.scalar import ScalarPathways
from critical_periods.solvers import gradient_descent


@pytest.fixture
def checkpoints(tmp_path):
    return CheckpointFiles(tmp_path / "cell.nc", code="code", every=0)


@pytest.fixture
def stop(checkpoints, monkeypatch):
    """Train until the solver has looked a number of times whether a checkpoint is due, then let SIGTERM come."""

    def stop(train, looks):
        seen = 0

        def due(checkpoint):
            nonlocal seen
            seen += 1
            return seen == looks

        with monkeypatch.context() as patched:
            patched.setattr(CheckpointFile, "due", due)
            patched.setattr(CheckpointFile, "stretch", lambda self, epochs: min(epochs, 3))
            checkpoints.signal = signal.SIGTERM
            with pytest.raises(SystemExit) as ended:
                train()
            checkpoints.signal = 0
        assert ended.value.code == 128 + signal.SIGTERM
        [path] = checkpoints.folder.iterdir()
        return path

    return stop


@pytest.mark.parametrize("looks", [1, 2, 5, 9])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_interrupted_training_ends_where_an_undisturbed_one_does(cell, dtype, looks, checkpoints, stop):
    cell = cell | {"dtype": dtype, "record_every": 4}
    before = pretrain([cell])
    stop(lambda: pretrain([cell], checkpoints=checkpoints), looks)
    xr.testing.assert_identical(pretrain([cell], checkpoints=checkpoints)[0], before[0])
    checkpoints.discard()
    undisturbed = complete([cell], before)
    stop(lambda: complete([cell], before, checkpoints=checkpoints), looks)
    xr.testing.assert_identical(complete([cell], before, checkpoints=checkpoints)[0], undisturbed[0])


class Watched(ScalarPathways):
    """Pathways of which something is observed that is called as what a checkpoint keeps."""

    def observe(self, parameters, phase):
        loss = self.loss(parameters, phase)
        return {"train_loss": (self.dims, loss), "state": (self.dims, loss), "file": (self.dims, loss)}


@pytest.mark.parametrize("pathways", [ScalarPathways, Watched])
@pytest.mark.parametrize("looks", range(1, 9))
def test_schedules_of_several_phases_resume_in_the_right_phase(looks, pathways, checkpoints, stop):
    model, start = pathways(depth=3), [np.full((2, 1), 0.1), np.full((2, 1), 0.3)]
    target = np.array([2.0])
    schedule = [Phase("a", 7, Task(target)), Phase("none", 0, Task(target)), Phase("b", 9, Task(-target))]

    def train(checkpoints=None):
        settings = {"learning_rate": 0.05, "record_every": 4, "keep": (0, 7, 10)}
        return gradient_descent(model, start, schedule, **settings, checkpoints=checkpoints)

    undisturbed = train()
    stop(lambda: train(checkpoints), looks)
    resumed = train(checkpoints)
    xr.testing.assert_identical(resumed.trajectory, undisturbed.trajectory)
    assert resumed.parameters.keys() == undisturbed.parameters.keys()
    for epoch, parameters in undisturbed.parameters.items():
        for one, other in zip(parameters, resumed.parameters[epoch], strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("change", [{"seed": 4}, {"learning_rate": 0.29}, {"pretrain_n_observed": 59}, "code"])
def test_checkpoints_of_another_training_are_not_continued(cell, change, checkpoints, stop, caplog):
    caplog.set_level("INFO")
    stop(lambda: pretrain([cell], checkpoints=checkpoints), 3)
    if change == "code":
        checkpoints.code = "edited"
    else:
        cell = cell | change
    [trained] = pretrain([cell], checkpoints=checkpoints)
    assert "continuing" not in caplog.text
    xr.testing.assert_identical(trained, pretrain([cell])[0])


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty"])
def test_damaged_checkpoints_are_not_continued(cell, damage, checkpoints, stop, caplog):
    path = stop(lambda: pretrain([cell], checkpoints=checkpoints), 3)
    content = bytearray(path.read_bytes())
    middle = slice(len(content) // 2, len(content) // 2 + 64)  # beyond any padding between two arrays
    content[middle] = bytes(byte ^ 1 for byte in content[middle])
    path.write_bytes({"truncated": content[: len(content) // 2], "flipped": content, "empty": b""}[damage])
    [trained] = pretrain([cell], checkpoints=checkpoints)
    assert "damaged checkpoint" in caplog.text
    xr.testing.assert_identical(trained, pretrain([cell])[0])


def test_checkpoint_that_cannot_be_written_costs_nothing_else(cell, checkpoints, caplog):
    checkpoints.folder.write_text("a file where the folder should be")
    checkpoints.every = 1e-9
    [trained] = pretrain([cell], checkpoints=checkpoints)
    assert "no checkpoint" in caplog.text
    xr.testing.assert_identical(trained, pretrain([cell])[0])


def test_finished_jobs_leave_no_checkpoints(cell, checkpoints):
    checkpoints.every = 1e-9
    pretrain([cell], checkpoints=checkpoints)
    assert list(checkpoints.folder.iterdir())
    checkpoints.discard()
    assert not list(checkpoints.folder.iterdir())


def test_time_left_counts_what_was_done_since_the_training_went_on(checkpoints, stop, monkeypatch, caplog):
    """What was done before the interruption took no time of this job."""
    caplog.set_level("INFO")
    seconds = 0.0

    class SecondAnUpdate(ScalarPathways):
        def gradient(self, parameters, phase):
            nonlocal seconds
            seconds += 1
            return super().gradient(parameters, phase)

    def train(progress=None):
        model, start = SecondAnUpdate(depth=3), [np.full((2, 1), 0.1), np.full((2, 1), 0.3)]
        settings = {"learning_rate": 0.05, "record_every": 10, "progress": progress, "checkpoints": checkpoints}
        return gradient_descent(model, start, [Phase("only", 100, Task(np.array([2.0])))], **settings)

    stop(train, looks=27)  # at epoch 69: from record to record it looks after 3, 6, 9 and 10
    monkeypatch.setattr(trajectories, "time", SimpleNamespace(monotonic=lambda: seconds))
    train(Progress(100, "cell", every=0))
    told = [record.getMessage() for record in caplog.records if "s left" in record.getMessage()]
    assert told == [f"cell: epoch {epoch} of 100, 1 epochs/s, {100 - epoch} s left" for epoch in (70, 80, 90, 100)]
