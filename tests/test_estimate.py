"""A look before the run: cells, jobs, time, memory and disk."""

import copy

import pytest
from conftest import CONFIG, REPOSITORY

from critical_periods.configuration.studies import studies
from critical_periods.models.registry import simulations
from critical_periods.planning.estimate import (
    SECONDS,
    START,
    PlannedJob,
    cell_job,
    estimate,
    estimates_table,
    file_job,
    missing_jobs,
)
from critical_periods.planning.plan import Plan


def jobs_of(config, computed=()):
    plan = Plan(config)
    return [cell_job(bundle, plan.first_bundles(bundle), computed) for bundle in plan.bundles.values()]


def thousand():
    config = copy.deepcopy(CONFIG) | {"solver": "gradient_flow", "figures": {}, "claims": {}}
    config["cells_per_job"]["gradient_flow"] = 30
    config["models"]["matrix_completion"]["record_every"] = 1000
    vary = {"depth": [2, 3, 4], "pretrain_rank": [2, 5, 10, 15, 20]}
    config["experiments"] = {"e": {"title": "E", "model": "matrix_completion", "seeds": list(range(67)), "vary": vary}}
    return config


def published(name):
    """CPU minutes that README.md and docs/performance.md tell of, on the machine that costs are told for."""
    return {"paper": 15, "ensemble": 10, "extensions": 36, "thousand": 2 * 1065 / 60}[name]


@pytest.mark.parametrize("name", ["paper", "ensemble", "extensions", "thousand"])
def test_cpu_time_is_within_a_factor_of_what_was_measured(name):
    files = sorted((REPOSITORY / "studies").glob("*.yaml"))
    if name == "thousand":
        config, others = thousand(), []
    else:
        config = studies(CONFIG, files)["" if name == "paper" else name].runs["" if name == "paper" else f"{name}/"]
        others = [*(f"{e}.nc" for e in config["experiments"]), *(f"{f}.pdf" for f in config["figures"])]
        others += [f"{figure}.html" for figure in config["figures"]]
    found = estimate([*jobs_of(config), *map(file_job, others)], 2)
    assert published(name) / 1.5 < found.cpu / 60 < 1.5 * published(name)
    assert found.cpu / 2 <= found.wall <= found.cpu


def job(name, cells=4, new=4, after=()):
    return PlannedJob(START + 10.0 * new if new else 0.0, name, cells, new, 1000 if new else 0, 1e6 * new, after)


def test_only_new_cells_count_and_the_longest_chain_is_waited_for():
    first, done = job("first"), job("done", new=0)
    second, third = job("second", after=["first"]), job("third", new=1, after=["done"])
    others = [file_job("a.nc"), file_job("b.pdf")]
    found = estimate([first, done, second, third, *others], 100)
    assert (found.cells, found.new, found.jobs) == (16, 9, 5)
    assert found.cpu == 3 * START + 90 + SECONDS[".nc"] + SECONDS[".pdf"]
    assert found.wall == 2 * START + 80 + SECONDS[".pdf"]
    assert (found.megabytes, found.bytes) == (1000, 9e6)
    assert estimate([first], 1).wall == START + 40


def test_cells_that_have_been_computed_cost_nothing():
    plan = Plan(thousand())
    bundle = next(bundle for bundle in plan.bundles.values() if bundle.cells[0].model == "matrix_completion")
    every = cell_job(bundle, plan.first_bundles(bundle), ())
    assert (every.cells, every.new) == (30, 30)
    assert every.after == [first.id for first in plan.first_bundles(bundle)]
    some = cell_job(bundle, plan.first_bundles(bundle), {cell.id for cell in bundle.cells[:29]})
    assert (some.cells, some.new) == (30, 1)
    assert START < some.seconds < every.seconds
    assert some.bytes < every.bytes
    none = cell_job(bundle, plan.first_bundles(bundle), {cell.id for cell in bundle.cells})
    assert (none.new, none.seconds, none.megabytes, none.bytes) == (0, 0, 0, 0)


def test_every_simulation_of_ours_tells_what_it_costs():
    for bundle in Plan(copy.deepcopy(CONFIG)).bundles.values():
        seconds, size = simulations()[bundle.cells[0].model].cost(bundle.cells[0].parameters)
        assert seconds > 0
        assert size > 1000


def test_files_of_one_job_are_missing_together(tmp_path):
    for name in ("fig01.pdf", "fig01.csv", "fig02.pdf"):
        (tmp_path / name).touch()
    names = ("fig01.pdf", "fig01.csv", "fig02.pdf", "fig02.csv", "fig03.pdf", "fig03.csv")
    found = missing_jobs(str(tmp_path / name) for name in names)
    assert [job.seconds for job in found] == [SECONDS[".csv"], SECONDS[".pdf"]]


def test_the_table_has_a_row_for_each_study():
    found = estimate([PlannedJob(2400.0, "a", 4, 4, 1000.0, 4e6)], 2)
    text = estimates_table({"paper": found, "mine": estimate([], 2)}, 2)
    assert text.splitlines()[1].split() == ["paper", "4", "4", "1", "40", "min", "40", "min", "1000", "MB", "4", "MB"]
    assert text.splitlines()[2].split()[:4] == ["mine", "0", "0", "0"]
