"""Measures of speed and memory, as ratios taken in one run: `make bench`, or `python benchmarks/bench.py steps cell`.

Sections: steps (an update against its matrix products), cell (gradient descent, gradient flow and the loop written by
hand on one cell of the paper), start (start-up of jobs), workflow (overhead of the workflow, time to plan it), run
(what the paper's default run took, from results/benchmarks; needs `make figures` first), growth (how cost grows).
Prints a table and writes results/bench.csv; growth also draws docs/figures/growth.png.
"""

import argparse
import csv
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import numpy as np
import torch
import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPOSITORY / "src"), str(REPOSITORY / "benchmarks")]

from critical_periods.experiments import Plan
from critical_periods.matrix_completion import complete, pretrain
from critical_periods.models.factorization import Factorization, initial_weights
from critical_periods.schedules import Phase, Task
from critical_periods.tasks import low_rank_matrix, observation_mask, random_stream

ROWS = []


def report(measure, value, unit="1", target=""):
    """Print a measure beside its target, and keep it for the table."""
    met = ""
    if target:
        comparison, threshold = target.split()
        met = "yes" if (value <= float(threshold) if comparison == "<=" else value >= float(threshold)) else "NO"
    ROWS.append({"measure": measure, "value": f"{value:.4g}", "unit": unit, "target": target, "met": met})
    print(f"{measure:75s} {value:10.4g} {unit:6s} {target:9s} {met}", flush=True)


def configuration(**changes):
    return yaml.safe_load((REPOSITORY / "config.yaml").read_text()) | changes


def schema():
    return yaml.safe_load((REPOSITORY / "workflow/schemas/config.schema.yaml").read_text())


def paper_cell(**changes):
    """Parameters of the paper's depth-3 cell: 100000 epochs before, nine switch epochs, 30000 after."""
    config = configuration(**changes)
    experiment = Plan(config, schema()).experiments["depth"]
    return dict(experiment.cells[experiment.axes["seed"][0], 3].parameters)


def cpu_time(function):
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def step_ratio(depth, size, runs, seconds=0.4, rounds=7):
    """Median over rounds of (time of an update) / (time of its matrix products), taken in turn."""
    task = Task(
        low_rank_matrix(size, 5, random_stream(0, "final_matrix")),
        observation_mask(size, size * size // 5, random_stream(0, "observations")),
    )
    weights = [
        torch.as_tensor(np.repeat(weight[None], runs, 0), dtype=torch.float32)
        for weight in initial_weights(depth, size, 0.001, random_stream(0, "weights"))
    ]
    update = Factorization("run").descent(weights, Phase("final", 1, task), 0.2)
    left, right, out = (torch.randn(runs, size, size) for _ in range(3))

    def products(count):
        """The products of so many updates: torch.mm for one run, torch.bmm for several."""
        if runs == 1:
            for _ in range(count * 3 * (depth - 1)):
                torch.mm(left[0], right[0], out=out[0])
        else:
            for _ in range(count * 3 * (depth - 1)):
                torch.bmm(left, right, out=out)

    def clock(function, count):
        start = time.perf_counter()
        function(count)
        return (time.perf_counter() - start) / count

    update(3)
    products(3)
    count = max(2, int(seconds / rounds / max(clock(update, 3), 1e-9)))
    pairs = [(clock(update, count), clock(products, count)) for _ in range(rounds)]
    product = min(pair[1] for pair in pairs)
    return statistics.median(a / b if b > 1e-7 else float("nan") for a, b in pairs), min(p[0] for p in pairs), product


def steps():
    for size in (50, 100, 200, 400):
        for runs in (1, 9):
            for depth in (1, 2, 3, 4, 5):
                ratio, update, _ = step_ratio(depth, size, runs)
                name = f"update: n = {size}, depth {depth}, {runs} run{'s' * (runs > 1)}"
                if depth == 1:
                    report(f"{name} (has no products)", 1e6 * update, "us")
                    continue
                batched_target = "<= 1.15" if (size, depth, runs) == (100, 3, 9) else ""
                target = batched_target or ("<= 1.25" if size == 100 and depth in (2, 3, 4) else "")
                report(f"{name} / its products", ratio, "1", target)


def cell():
    import baseline

    parameters = paper_cell()
    flow = paper_cell(solver="gradient_flow")
    switch_epochs = parameters["switch_epochs"]
    needed = sum(switch_epochs) + len(switch_epochs) * parameters["final_epochs"]
    shared = switch_epochs[-1] + len(switch_epochs) * parameters["final_epochs"]
    torch.set_num_threads(1)
    baseline.run(parameters, 50)
    by_hand = {}
    for svd in (torch.linalg.svd, torch.linalg.svdvals):
        _, done, seconds = baseline.run(parameters, 3000, svd)
        by_hand[svd.__name__.removeprefix("linalg_")] = seconds / done * needed
    for name, seconds in by_hand.items():
        report(f"loop written by hand with {name}, one depth-3 cell (3000 updates timed)", seconds, "s")
    results, times = {}, {}
    for name, chosen in (("gradient descent", parameters), ("gradient flow", flow)):
        solve = lambda chosen=chosen: (*(first := pretrain([chosen])), *complete([chosen], first))  # noqa: E731
        times[name], results[name] = cpu_time(solve)
        report(f"{name}, the same cell", times[name], "s")
    for name, seconds in by_hand.items():
        targets = (">= 6", ">= 100") if name == "svd" else ("", "")
        for (solver, time_taken), target in zip(times.items(), targets, strict=True):
            report(f"loop written by hand with {name} / {solver}", seconds / time_taken, "1", target)
    evaluations = sum(dataset.attrs["gradient_evaluations"] for dataset in results["gradient flow"])
    report("updates of gradient descent / gradient evaluations of gradient flow", shared / evaluations, "1", ">= 50")
    descent, continuous = (results[name][1] for name in ("gradient descent", "gradient flow"))
    difference = abs(descent["reconstruction_error"] - continuous["reconstruction_error"]).max().item()
    report("largest difference of a final reconstruction error", difference, "1", "<= 0.01")
    return times


def start():
    for module in ("experiments", "datasets", "matrix_completion", "figures.error_curves"):
        times = []
        for _ in range(3):
            begun = time.perf_counter()
            subprocess.run(
                [sys.executable, "-c", f"import critical_periods.{module}"],
                env=os.environ | {"PYTHONPATH": str(REPOSITORY / "src")},
                check=True,
            )
            times.append(time.perf_counter() - begun)
        report(f"start-up: interpreter and critical_periods.{module}", min(times), "s")


def snakemake(*arguments):
    begun = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments], cwd=REPOSITORY, check=True, capture_output=True, text=True
    )
    return time.perf_counter() - begun


def workflow():
    with tempfile.TemporaryDirectory() as folder:
        wall = snakemake("--cores", "2", "--configfile", "tests/smoke.yaml", "--directory", folder)
        jobs = job_table(Path(folder) / "results")
        work = sum(job["seconds"] for job in jobs)
        report("smoke run, wall time", wall, "s")
        report("smoke run: wall time on 2 cores / (sum of its timed jobs / 2)", wall / (work / 2))
    for count in (100, 1000, 5000, 20000):
        with tempfile.TemporaryDirectory() as folder:
            seeds, ranks = list(range(min(count, 1000))), list(range(1, max(1, count // 1000) + 1))
            many = {"title": "Many", "model": "matrix_completion", "seeds": seeds, "vary": {"pretrain_rank": ranks}}
            grid = {"experiments": {"many": many}, "solver": "gradient_flow"}
            file = Path(folder) / "many.yaml"
            file.write_text(yaml.safe_dump(grid))
            target = "results/experiments/many.nc"
            seconds = snakemake("-n", "-q", "all", "--configfile", str(file), "--directory", folder, "--", target)
            report(f"planning {count} cells", seconds, "s", "<= 20" if count == 5000 else "")


def job_table(results):
    """Rule, wall time, CPU time and memory of every finished job that was timed."""
    table = []
    for file in sorted((results / "benchmarks").rglob("*.tsv")):
        with file.open() as stream:
            for row in csv.DictReader(stream, delimiter="\t"):
                numbers = {
                    key: 0.0 if row[key] in ("NA", "-") else float(row[key]) for key in ("s", "cpu_time", "max_rss")
                }
                table.append(
                    {
                        "rule": file.parent.name,
                        "bundle": file.stem,
                        "seconds": numbers["s"],
                        "cpu": numbers["cpu_time"],
                        "memory": numbers["max_rss"],
                    }
                )
    return table


def products_needed(plan):
    """Seconds that the matrix products of all planned gradient-descent cells take, measured here and now."""
    timings, total = {}, 0.0
    for bundle in plan.bundles.values():
        for planned in bundle.cells:
            parameters = planned.parameters
            if planned.model not in ("matrix_completion", "pretraining") or parameters["depth"] == 1:
                continue
            first = planned.model == "pretraining"
            runs = 1 if first else len(parameters["switch_epochs"])
            epochs = parameters["switch_epochs"][-1] if first else parameters["final_epochs"]
            key = (parameters["depth"], parameters["size"], runs)
            if key not in timings:
                timings[key] = step_ratio(*key, seconds=1.5)[2]
            total += epochs * timings[key]
    return total


def run():
    plan = Plan(configuration(), schema())
    jobs = job_table(REPOSITORY / "results")
    training = [job for job in jobs if job["rule"] in ("pretrain", "train") and job["bundle"] in plan.bundles]
    if not training:
        print("run: no results/benchmarks; `make figures` first")
        return
    floor = products_needed(plan)
    cpu = sum(job["cpu"] for job in training)
    report("paper, matrix completion: CPU time of training jobs", cpu, "s")
    report("paper, matrix completion: matrix products needed", floor, "s")
    report("CPU time of training jobs / matrix products", cpu / floor, "1", "<= 1.35")
    for rule in sorted({job["rule"] for job in jobs}):
        memory = max(job["memory"] for job in jobs if job["rule"] == rule)
        report(f"largest memory of a job of rule {rule}", memory, "MB", "<= 1000")
    size = sum(file.stat().st_size for file in (REPOSITORY / "results").rglob("*") if file.is_file())
    report("size of all results", size / 1e6, "MB", "<= 500")
    for cores in (1, 2, 8, 64, 512):
        report(f"schedule of the training jobs simulated on {cores} cores", makespan(plan, training, cores), "s")


def makespan(plan, jobs, cores):
    """Wall time of the measured jobs on so many cores, each started as soon as its inputs and a core are there."""
    seconds = {job["bundle"]: job["seconds"] for job in jobs}
    needs = {}
    for bundle in plan.bundles.values():
        if bundle.id in seconds:
            first = plan.pretraining_bundles(bundle) if bundle.cells[0].model == "matrix_completion" else []
            needs[bundle.id] = [before.id for before in first if before.id in seconds]
    finished, free = {}, [0.0] * cores
    waiting = sorted(needs, key=lambda bundle: (bool(needs[bundle]), -seconds[bundle]))
    for bundle in waiting:
        core = min(range(cores), key=free.__getitem__)
        begin = max([free[core], *(finished[before] for before in needs[bundle])])
        finished[bundle] = free[core] = begin + seconds[bundle]
    return max(finished.values())


def growth():
    import matplotlib.pyplot as plt

    from critical_periods.figures import style

    style.apply()
    grids = {
        "matrix size $n$": ("size", [25, 50, 100, 200, 400, 800]),
        "depth $N$": ("depth", [2, 3, 4, 6, 8]),
        "runs in a batch": ("runs", [1, 2, 4, 9, 18, 36]),
    }
    figure, panels = plt.subplots(1, 3, figsize=(style.PAGE, 2.2))
    for axes, (name, (varied, values)) in zip(panels, grids.items(), strict=True):
        measured = [step_ratio(**({"depth": 3, "size": 100, "runs": 1} | {varied: value})) for value in values]
        axes.loglog(values, [1e6 * update for _, update, _ in measured], "o-", label="update")
        axes.loglog(values, [1e6 * product for *_, product in measured], "k--", lw=0.8, label="its products")
        axes.set(xlabel=name, ylabel="time of an update (µs)")
        for value, (_, update, _) in zip(values, measured, strict=True):
            report(f"growth: update at {varied} = {value}", 1e6 * update, "us")
    panels[0].legend()
    (REPOSITORY / "docs/figures").mkdir(parents=True, exist_ok=True)
    figure.savefig(REPOSITORY / "docs/figures/growth.png")


SECTIONS = {"steps": steps, "cell": cell, "start": start, "workflow": workflow, "run": run, "growth": growth}


def machine():
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    cpu = next((line.split(":")[1].strip() for line in lines if "model name" in line), platform.processor())
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    return f"{cpu}, {os.cpu_count()} cores, {platform.system()}, {versions}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="section", help=f"any of: {', '.join(SECTIONS)}; default: all")
    chosen = parser.parse_args().sections or list(SECTIONS)
    if unknown := set(chosen) - set(SECTIONS):
        parser.error(f"unknown section {', '.join(sorted(unknown))}; allowed: {', '.join(SECTIONS)}")
    print(machine())
    for name in chosen:
        SECTIONS[name]()
    output = REPOSITORY / "results/bench.csv"
    output.parent.mkdir(exist_ok=True)
    with output.open("w", newline="") as stream:
        stream.write(f"# {machine()}\n")
        writer = csv.DictWriter(stream, ["measure", "value", "unit", "target", "met"])
        writer.writeheader()
        writer.writerows(ROWS)
    print(f"written to {output.relative_to(REPOSITORY)}")
