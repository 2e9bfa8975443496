"""Matrices and masks from files: what is trained on them, what they are called by, and what is refused."""

import json
import os

import numpy as np
import pytest
import torch
import xarray as xr
from test_simulations import MATRIX

import critical_periods as cp
from critical_periods.configuration.fields import ConfigError
from critical_periods.dynamics.random_streams import random_stream
from critical_periods.dynamics.real_matrices import Matrices, known, own_matrix
from critical_periods.models.matrix_completion.model import Pretraining
from critical_periods.models.matrix_completion.simulation.landscape import initial_weights, product
from critical_periods.models.matrix_completion.simulation.simulate import matrix_tasks
from critical_periods.models.registry import models
from critical_periods.planning.plan import grid_cells

SETTINGS = MATRIX | {"depth": 3, "pretrain_task": "other", "pretrain_n_observed": None, "learning_rate": 0.5}
SETTINGS |= {"solver": "gradient_descent", "dtype": "float64", "device": "cpu"}
SETTINGS |= {"gradient_flow": {"method": "RKC", "rtol": 1e-4, "atol": 1e-7, "shadowing": False}}


@pytest.fixture(autouse=True)
def beside(tmp_path, monkeypatch):
    """The current folder, where files of matrices lie; each is read once in a test."""
    monkeypatch.chdir(tmp_path)
    with known(Matrices()):
        yield tmp_path


@pytest.fixture
def ratings(beside):
    """A 12 x 9 matrix of which a third is missing, as CSV."""
    draws = np.random.default_rng(5)
    values = draws.normal(size=(12, 2)) @ draws.normal(size=(2, 9))
    values[draws.random(values.shape) < 0.3] = np.nan
    np.savetxt(beside / "ratings.csv", values, delimiter=",", fmt="%.17g")
    return values


def cell(**changes):
    """Parameters of the one cell of some settings, as a job gets them."""
    _, cells = grid_cells(models()["matrix_completion"], SETTINGS | changes, [0], {}, "mine")
    return next(iter(cells.values()))


OWN = {"final_matrix": "ratings.csv", "pretrain_task": "same", "final_rank": None, "n_observed": None}


def test_a_matrix_is_called_by_what_it_holds_in_every_format(beside, ratings):
    np.save(beside / "ratings.npy", ratings)
    np.savez(beside / "all.npz", ratings=ratings, other=np.ones((2, 2)))
    xr.Dataset({"ratings": (("row", "column"), ratings)}).to_netcdf(beside / "ratings.nc")
    (beside / "gaps.csv").write_text((beside / "ratings.csv").read_text().replace("nan", ""))
    words = ("ratings.csv", "ratings.npy", "all.npz:ratings", "ratings.nc", "ratings.nc:ratings", "gaps.csv")
    cells = {cell(**OWN | {"final_matrix": word}).id for word in words}
    assert len(cells) == 1
    assert "ratings" not in json.dumps(cell(**OWN).parameters)
    np.save(beside / "ratings.npy", 2 * ratings)
    with known(Matrices()):
        assert cell(**OWN | {"final_matrix": "ratings.npy"}).id not in cells


def test_missing_entries_are_never_observed_and_held_out_ones_alone_are_scored(ratings):
    known = np.zeros((12, 12), dtype=bool)
    known[:, :9] = ~np.isnan(ratings)
    few, many = (
        matrix_tasks(cell(**OWN, n_held_out=10).parameters | {"n_observed": n_observed})[1] for n_observed in (30, 50)
    )
    for task in (few, many):
        assert not (task.mask & ~known).any()
        assert not (task.mask & task.scored).any()
        assert task.scored.sum() == 10
        assert not (task.scored & ~known).any()
    assert (few.scored == many.scored).all()
    assert not (few.mask & ~many.mask).any()
    everything = cell(**OWN, n_held_out=10).parameters
    assert everything["n_observed"] == known.sum() - 10
    assert (matrix_tasks(cell(**OWN).parameters)[1].scored == known).all()


def test_a_matrix_is_scaled_to_a_mean_squared_entry_of_one_unless_told_otherwise(ratings):
    scaled, plain = (matrix_tasks(cell(**OWN, normalized=normalized).parameters)[1] for normalized in (True, False))
    assert np.mean(scaled.target[scaled.mask] ** 2) == pytest.approx(1)
    np.testing.assert_allclose(plain.target[:, :9], np.nan_to_num(ratings))


@pytest.mark.parametrize("scale", [1e300, 1e160, 1e-170, 1e-300])
@pytest.mark.parametrize("rank", [None, 2])
def test_a_scaled_matrix_is_the_same_however_large_or_small_its_entries_are(beside, scale, rank):
    draws = np.random.default_rng(1)
    values = draws.normal(size=(12, 2)) @ draws.normal(size=(2, 12))
    np.save(beside / "plain.npy", values)
    np.save(beside / "scaled.npy", scale * values)
    plain, scaled = (
        matrix_tasks(cell(**OWN | {"final_matrix": f"{name}.npy", "final_rank": rank}).parameters)[1]
        for name in ("plain", "scaled")
    )
    assert np.mean(scaled.target**2) == pytest.approx(1)
    np.testing.assert_allclose(scaled.target, plain.target, rtol=1e-12, atol=1e-12)
    assert (scaled.mask == plain.mask).all()


@pytest.mark.parametrize(
    ("scale", "dtype", "refused"),
    [
        (1e155, "float64", True),
        (1e-160, "float64", True),
        (1e30, "float32", True),
        (1e-30, "float32", True),
        (1e30, "float64", False),
        (1e-15, "float32", False),
    ],
)
def test_entries_whose_squares_a_precision_does_not_hold_are_refused_where_nothing_scales_them(
    beside, scale, dtype, refused
):
    np.save(beside / "mine.npy", scale * np.eye(12))
    changes = OWN | {"final_matrix": "mine.npy", "normalized": False, "dtype": dtype}
    if not refused:
        assert matrix_tasks(cell(**changes).parameters)[1].target.max() == scale
        return
    message = rf"final_matrix = 'mine.npy'; allowed: a file whose largest entry is .* in {dtype}, or normalized = true"
    with pytest.raises(ConfigError, match=message):
        cell(**changes)


def test_a_rank_above_that_of_the_matrix_is_refused_before_anything_runs(beside):
    draws = np.random.default_rng(2)
    np.save(beside / "mine.npy", draws.normal(size=(12, 3)) @ draws.normal(size=(3, 12)))
    assert cell(**OWN | {"final_matrix": "mine.npy", "final_rank": 3}).parameters["final_rank"] == 3
    with pytest.raises(ConfigError, match=r"final_rank = 4; allowed: 1 to 3, the rank of mine.npy"):
        cell(**OWN | {"final_matrix": "mine.npy", "final_rank": 4})


def test_a_file_is_what_it_holds_now_whatever_its_time_stamp_and_folder(beside):
    file, other = beside / "mine.npy", beside / "other" / "mine.npy"
    other.parent.mkdir()
    names = []
    for number, path in enumerate((file, file, other)):
        np.save(path, np.eye(12) + number)
        os.utime(path, (10**9, 10**9))
        with known(Matrices([path.parent])):
            found = own_matrix("mine.npy")
        np.testing.assert_array_equal(found.values, np.eye(12) + number)
        names.append(found.name)
    assert len(set(names)) == 3


def test_a_matrix_that_is_not_square_trains_as_a_rectangular_network(ratings):
    found = cp.simulate("matrix_completion", **SETTINGS | OWN)
    parameters = cell(**OWN).parameters
    task = matrix_tasks(parameters)[1]
    first, *between, last = map(
        torch.tensor, initial_weights(3, 12, parameters["init_scale"], random_stream(0, "weights"))
    )
    weights = [weight.requires_grad_() for weight in (first[:, :9].clone(), *between, last)]
    target, mask = torch.tensor(task.target[:, :9]), torch.tensor(task.mask[:, :9])
    for _ in range(20 + 20):
        loss = 0.5 * (product(weights) - target)[mask].square().mean()
        slopes = torch.autograd.grad(loss, weights)
        weights = [
            (weight - 0.5 * slope).detach().requires_grad_() for weight, slope in zip(weights, slopes, strict=True)
        ]
    singular = torch.linalg.svdvals(product(weights)).detach()[:4]
    last = found["singular_value"].sel(seed=0, switch_epoch=20, epoch=40)
    np.testing.assert_allclose(last, singular, rtol=1e-8)
    error = (product(weights) - target)[mask].square().mean().item()
    np.testing.assert_allclose(found["reconstruction_error"].sel(seed=0, switch_epoch=20), error, rtol=1e-8)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_both_solvers_complete_a_matrix_with_gaps(ratings, dtype):
    settings = (
        SETTINGS | OWN | {"n_held_out": 10, "dtype": dtype, "switch_epochs": [0, 100, 300], "learning_rate": 0.1}
    )
    vary = {"solver": ["gradient_descent", "gradient_flow"], "n_observed": [40, 60]}
    error = cp.simulate("matrix_completion", vary, **settings)["reconstruction_error"]
    np.testing.assert_allclose(error.sel(solver="gradient_descent"), error.sel(solver="gradient_flow"), rtol=0.02)


def test_a_mask_of_ones_and_zeros_says_what_can_be_observed(beside):
    mask = np.zeros((12, 12))
    mask[:, ::2] = 1
    np.savetxt(beside / "mask.csv", mask, delimiter=",")
    own = {"observations": "mask.csv", "n_observed": None}
    first, final = matrix_tasks(cell(**own, n_held_out=5).parameters)
    assert (final.mask == (mask == 1)).all()
    assert (first.mask == final.mask).all()
    assert not (final.scored & final.mask).any()
    some = matrix_tasks(cell(**own | {"n_observed": 20}).parameters)[1].mask
    assert some.sum() == 20
    assert not (some & (mask == 0)).any()


def test_held_out_entries_are_not_observed_in_either_task_whatever_is_observed_first(beside):
    """All that are not held out are observed first, of a matrix of which a file says what the final task observes."""
    mask = np.zeros((8, 8))
    mask[:4] = 1
    np.savetxt(beside / "mask.csv", mask, delimiter=",")
    own = {"size": 8, "observations": "mask.csv", "n_held_out": 15, "n_observed": 20, "pretrain_n_observed": 49}
    first, final = matrix_tasks(cell(**own, pretrain_task="same", pretrain_observations="random").parameters)
    assert (first.scored == final.scored).all()
    assert (first.mask == ~final.scored).all()
    assert not (final.mask & final.scored).any()


def test_cells_without_a_file_are_called_as_before():
    before = cell()
    assert not {"n_held_out", "normalized"} & before.parameters.keys()
    assert cell(normalized=False).id == before.id
    assert cell(n_held_out=4).id != before.id


def test_pretraining_on_another_matrix_is_shared_between_final_matrices(beside):
    for name in ("one", "two"):
        np.save(beside / f"{name}.npy", np.random.default_rng(len(name) + ord(name[0])).normal(size=(12, 12)))
    one, two = (cell(final_matrix=f"{name}.npy", final_rank=None) for name in ("one", "two"))
    assert one.id != two.id
    assert Pretraining.parameters_of(one.parameters) == Pretraining.parameters_of(two.parameters)


def test_a_file_that_changes_between_planning_and_job_is_refused(beside):
    np.save(beside / "mine.npy", np.eye(12))
    with known(Matrices([beside])) as matrices:
        planned = cell(**OWN | {"final_matrix": "mine.npy"}).parameters
    np.save(beside / "mine.npy", np.eye(12) + 1)
    with (
        known(Matrices(files=matrices.files)),
        pytest.raises(ValueError, match="has changed since the run was planned"),
    ):
        matrix_tasks(planned)


@pytest.mark.parametrize(
    ("content", "changes", "message"),
    [
        (None, {}, r"final_matrix = 'mine.csv'; allowed: a file that is there; none is in "),
        ("1,2\n3,x\n", {}, r"numbers, and nothing or NaN for missing ones; row 2, column 2 is 'x'"),
        ("1,2\n3,1_0\n", {}, r"numbers, and nothing or NaN for missing ones; row 2, column 2 is '1_0'"),
        ("1,2\n3,\N{FULLWIDTH DIGIT ONE}\n", {}, r"numbers, and nothing or NaN .*; row 2, column 2 is "),
        ("1,2\n3\n", {}, r"rows of one length; row 2 has 1 fields, the first 2"),
        ("1,2\n3,inf\n", {}, r"infinite in row 2, column 2"),
        ("0,0\n,\n", {}, r"entries other than 0 and missing ones; there are none"),
        ("1,2\n3,4\n", {}, r"size = 12; allowed: 2, the longer side of mine.csv, 2 x 2"),
        ("1,2,3\n4,5,6\n", {"size": 3, "pretrain_task": "other"}, r"pretrain_matrix = 'random'; .* 2 x 3 entries"),
        ("1,2\n,4\n", {"size": 2, "final_rank": 1}, r"final_rank = 1; allowed: null for mine.csv, of which 1 ent"),
        ("1,2\n,4\n", {"size": 2, "n_observed": 4}, r"n_observed = 4; allowed: 1 to 3: 3 entries of the final task"),
        ("1,2\n,4\n", {"size": 2, "n_held_out": 3}, r"n_held_out = 3; allowed: fewer: 3 entries of the final task"),
        ("1,2\n,4\n", {"size": 2, "n_observed": 3, "n_held_out": 1}, r"n_observed = 3; allowed: 1 to 2: .*1 held out"),
        (
            "1,2\n,4\n",
            {"size": 2, "n_observed": 2, "observations": "connected"},
            r"observations = 'connected'; .*miss",
        ),
        ("1,2\n1,4\n", {"size": 2, "observations": "mine.csv"}, r"observations = .* a file of ones and zeros"),
        ("1,2\n1,4\n", {"size": 2, "diagnostics": True}, r"final_rank = empty; allowed: a number for diagnostics"),
        ("1,2\n1,4\n", {"size": 2, "final_matrix": "mine.txt"}, r"random or digits or word, a file .npy"),
        ("1,2\n1,4\n", {"size": 2, "final_matrix": "mine.csv:a"}, r"a .csv file without 'a' after it"),
        ("", {"final_matrix": "random"}, r"final_rank = empty; allowed: a number for a matrix that is random"),
    ],
)
def test_what_no_run_could_use_is_refused_in_one_line(beside, content, changes, message):
    if content is not None:
        (beside / "mine.csv").write_text(content)
    own = {"pretrain_rank": 1, "n_singular_values": 2} if "size" in changes else {}
    with pytest.raises(ConfigError, match=message) as refused:
        cell(**OWN | {"final_matrix": "mine.csv"} | own | changes)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("mine.npy", np.ones(12), r"a matrix, of two axes; it has the shape \(12,\)"),
        ("mine.npy", np.full((2, 2), "a"), "numbers; it holds <U1"),
        ("mine.npy", np.full((2, 2), {}), "without Python objects"),
        ("mine.npy:a", np.eye(12), "a .npy file without 'a' after it: it holds one matrix"),
        ("mine.npz", None, "which of its matrices: a, b"),
        ("mine.nc", None, "a NetCDF file; "),
    ],
)
def test_what_is_no_matrix_is_refused(beside, name, array, message):
    if array is not None:
        np.save(beside / "mine.npy", array)
    elif name.endswith("npz"):
        np.savez(beside / name, a=np.eye(2), b=np.eye(3))
    else:
        (beside / name).write_bytes(b"no NetCDF")
    with pytest.raises(ConfigError, match=message):
        cell(**OWN | {"final_matrix": name})
