"""A look before the run: what is told of cells, jobs, time, memory and disk, and how finished jobs correct it."""

import copy
import dataclasses

import pytest
from conftest import CONFIG, REPOSITORY

from critical_periods.configuration.studies import studies
from critical_periods.models.registry import simulations
from critical_periods.planning.estimate import (
    OTHERS,
    START,
    CellJob,
    Measured,
    as_text,
    calibrate,
    calibrated,
    calibration_file,
    estimate,
    kind_of,
    measured,
)
from critical_periods.planning.plan import Plan


def jobs_of(config, folder, done=()):
    """Jobs of a configuration, those of kinds that are done without new cells."""
    plan = Plan(config)
    for bundle in plan.bundles.values():
        simulation = simulations()[bundle.cells[0].model]
        cells = [cell.parameters for cell in bundle.cells]
        firsts = plan.first_bundles(bundle) if simulation.cells == "matrix_completion" else []
        yield CellJob(
            kind_of(simulation.rule, cells[0]), bundle.id, folder / f"{simulation.rule}-{bundle.id}.tsv",
            cells, [] if simulation.rule in done else cells, simulation.cost, simulation.megabytes,
            [first.id for first in firsts],
        )  # fmt: skip


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
def test_cpu_time_is_within_a_factor_of_what_was_measured(tmp_path, name):
    files = sorted((REPOSITORY / "studies").glob("*.yaml"))
    if name == "thousand":
        config, others = thousand(), []
    else:
        config = studies(CONFIG, files)["" if name == "paper" else name].runs["" if name == "paper" else f"{name}/"]
        others = [*(f"{e}.nc" for e in config["experiments"]), *(f"{f}.pdf" for f in config["figures"])]
        others += [f"{figure}.html" for figure in config["figures"]]
    found = estimate(list(jobs_of(config, tmp_path)), others, 2, Measured(1.0))
    assert published(name) / 1.5 < found.cpu / 60 < 1.5 * published(name)
    assert found.cpu / 2 <= found.wall <= found.cpu


def job(name, folder, cells=4, new=4, after=(), seconds=10.0):
    parameters = [{"seed": seed} for seed in range(cells)]
    return CellJob(
        ("train", ""),
        name,
        folder / f"{name}.tsv",
        parameters,
        parameters[:new],
        lambda cell: (seconds, 1e6),
        1000,
        after,
    )


def finished(job, cpu_time, max_rss=300):
    job.benchmark.write_text(f"s\tmax_rss\tcpu_time\n1\t{max_rss}\t{cpu_time}\n")


def test_only_new_cells_count_and_the_longest_chain_is_waited_for(tmp_path):
    first, done = job("first", tmp_path), job("done", tmp_path, new=0)
    second, third = job("second", tmp_path, after=["first"]), job("third", tmp_path, new=1, after=["done"])
    found = estimate([first, done, second, third], ["a.nc", "b.pdf"], 100, Measured(2.0))
    assert (found.cells, found.new, found.jobs) == (16, 9, 5)
    assert found.cpu == 2 * (3 * START + 90 + OTHERS[".nc"] + OTHERS[".pdf"])
    assert found.wall == 2 * (2 * START + 80 + OTHERS[".pdf"])
    assert found.megabytes == 1000
    assert found.bytes == 9e6
    assert estimate([first], [], 1, Measured(1.0)).wall == START + 40


def test_finished_jobs_correct_time_and_memory_of_those_to_come(tmp_path):
    jobs = [job(f"{index}", tmp_path) for index in range(4)]
    for other, ratio in zip(jobs, (0.5, 0.5, 40), strict=False):
        finished(other, 2 * START + ratio * 2 * 40)
    finished(job("short", tmp_path, seconds=0.01), 100)
    known = measured([*jobs, job("short", tmp_path, seconds=0.01)], Measured(2.0))
    assert known.correction == {("train", ""): pytest.approx(0.5)}
    found = estimate([jobs[3]], [], 1, known)
    assert found.cpu == pytest.approx(2 * (START + 20))
    assert found.megabytes == 300
    jobs[0].benchmark.write_text("s\tmax_rss\tcpu_time\n0.1\tNA\tNA\n")
    assert measured(jobs[:1], Measured(2.0)).correction == {}


def test_jobs_that_took_cells_over_or_that_were_looked_at_long_before_their_end_mislead_nobody(tmp_path):
    slow, idle = (dataclasses.replace(job(name, tmp_path), log=tmp_path / f"{name}.log") for name in ("slow", "idle"))
    slow.benchmark.write_text(f"s\tmax_rss\tcpu_time\n40\t300\t{(START + 20) * 15.5 / 40}\n")
    finished(idle, 1)
    slow.log.write_text("10:00:00 cell 1 of 4")
    idle.log.write_text("10:00:00 4 of 4 cells were computed before, taken over")
    assert measured([slow, idle], Measured(1.0)).correction == {("train", ""): pytest.approx(0.5)}


def test_what_was_measured_of_this_machine_holds_until_jobs_finish(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert calibrated().correction == {}
    flow = {"solver": "gradient_flow", "gradient_flow": {"method": "RKC", "shadowing": False}}
    calibrate(Measured(1.0, {kind_of("train", flow): 0.5, ("train", ""): 0.25}, {}, 1.5))
    known = calibrated()
    assert known.correction == {("train", "gradient_flow RKC False"): 0.5, ("train", ""): 0.25}
    assert estimate([job("a", tmp_path)], [], 1, known).cpu == pytest.approx(1.5 + known.machine * 10)
    done = job("done", tmp_path)
    finished(done, 1.5 + known.machine * 40)
    assert measured([done], known).correction == {**known.correction, ("train", ""): pytest.approx(1)}
    calibration_file().write_text("not JSON")
    assert calibrated().correction == {}


def test_every_simulation_of_ours_tells_what_it_costs(tmp_path):
    for one in jobs_of(copy.deepcopy(CONFIG), tmp_path):
        assert one.cost is not None
        assert one.seconds(one.cells) > 0
        assert one.bytes(one.cells) > 1000


def test_the_table_has_a_row_for_each_study(tmp_path):
    found = estimate([job("a", tmp_path, seconds=600)], [], 2, Measured(1.0))
    text = as_text({"paper": found, "mine": estimate([], [], 2, Measured(1.0))}, 2)
    assert text.splitlines()[1].split() == ["paper", "4", "4", "1", "40", "min", "40", "min", "1000", "MB", "4", "MB"]
    assert text.splitlines()[2].split()[:4] == ["mine", "0", "0", "0"]
