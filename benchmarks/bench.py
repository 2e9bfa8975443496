"""Measures of speed and memory, as ratios taken in one run: `make bench`, or `python benchmarks/bench.py steps cell`.

Sections: steps (an update against its matrix products and the other engine), cell (gradient descent, gradient flow,
the other engine and the loop written by hand on one cell of the paper), strides (cells in strides against gradient
descent update by update), start (start-up of jobs), pathways (the
multi-pathway figures from nothing), workflow (overhead of the workflow, time to plan it), batching (small cells one by
one and several in a job), cells (a thousand cells of gradient flow: a sample of them through the workflow, the rest
extrapolated; `--whole` runs them all), flow (the whole paper by gradient flow), run (what the paper's default run
took, from results/benchmarks; needs `make figures` first), growth (how cost grows), explorer (frames a second of the
page that computes; needs chromium and its driver), gpu (matrix completion on cuda against the CPU, if there is one).

Prints a table, writes results/bench.csv, in which the sections that did not run keep their rows, and draws
results/growth.png from it. `--publish` puts both into docs/; `--quick` tries all this at toy size in a minute or two,
into results/quick/.
"""

import argparse
import csv
import itertools
import json
import math
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")
# This process takes OpenBLAS's own choice of kernel; what it starts is told what the shell says.
GIVEN = {name: os.environ.pop(name) for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE") if name in os.environ}

import numpy as np

os.environ.update(GIVEN)

import torch
import yaml
from threadpoolctl import threadpool_info

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPOSITORY / "src"), str(REPOSITORY / "benchmarks")]

from critical_periods.configuration.files import paper
from critical_periods.configuration.studies import merged
from critical_periods.dynamics.arrays import engine, placed
from critical_periods.dynamics.engines import using
from critical_periods.dynamics.random_streams import random_stream
from critical_periods.dynamics.schedules import Phase, Task
from critical_periods.execution.jobs import run_batches
from critical_periods.models.matrix_completion.simulation.landscape import Factorization, initial_weights
from critical_periods.models.matrix_completion.simulation.simulate import batch_key, complete, pretrain
from critical_periods.models.matrix_completion.simulation.tasks import low_rank_matrix, observation_mask
from critical_periods.planning.cells import Cell
from critical_periods.planning.plan import Plan, first_cell

#: What the sections measure, at the paper's size ...
PAPER = SimpleNamespace(
    overlays=(),
    target=None,
    step_seconds=0.8,
    peak_size=2000,
    step_sizes=(50, 100, 200, 400),
    step_depths=(1, 2, 3, 4, 5),
    by_hand=3000,
    rounds=3,
    pathway_figures={("fig01", "fig07"): "<= 20", ("fig02", "fig03", "fig11", "fig12"): "<= 60"},
    pathway_sweep={"depth": [2, 3, 4, 6, 8], "onset": [0, 25, 50, 75, 100], "imbalance": [0.25, 0.5, 1, 2]},
    planned=(100, 1000, 5000, 20000),
    small_cells=32,
    thousand={"depth": [2, 3, 4], "pretrain_rank": [2, 5, 10, 15, 20]},
    thousand_seeds=67,
    sampled_seeds=4,
    recorded_every=1000,
    all_recorded=100,
    strided={2: "<= 0.08", 3: "<= 0.09", 4: "<= 0.14"},
    growth={"size": (25, 50, 100, 200, 400, 800), "depth": (2, 3, 4, 6, 8), "runs": (1, 2, 4, 9, 18, 36)},
    flow_sizes=(25, 50, 100, 200),
    flow_depths=(1, 2, 3, 4, 6),
    memory_sizes=(50, 100, 200, 400, 800),
    descent_shrink=(100, 30, 10),
    flow_shrink=(100, 10, 1),
    gpu_shrink=50,
)

#: ... and to try them.
QUICK = SimpleNamespace(
    overlays=(REPOSITORY / "tests/smoke.yaml",),
    target="results/experiments/depth.nc",
    step_seconds=0.01,
    peak_size=200,
    step_sizes=(10, 100),
    step_depths=(1, 3),
    by_hand=30,
    rounds=1,
    pathway_figures={("fig07",): "<= 20"},
    pathway_sweep={"depth": [2, 3]},
    planned=(20,),
    small_cells=2,
    thousand={"depth": [2], "pretrain_rank": [1, 2]},
    thousand_seeds=4,
    sampled_seeds=2,
    recorded_every=50,
    all_recorded=50,
    strided={2: "<= 0.08"},
    growth={"size": (10, 20), "depth": (2, 3), "runs": (1, 2)},
    flow_sizes=(10, 20),
    flow_depths=(1, 2),
    memory_sizes=(100, 200, 400),
    descent_shrink=(4, 2),
    flow_shrink=(4, 2),
    gpu_shrink=4,
)

#: Solvers of which either can afford a sweep.
STRIDED_AND_FLOW = ("strided_descent", "gradient_flow")

#: Of the thousand cells a job holds all that belong to so many seeds.
SEEDS_PER_JOB = 2

SIZES = PAPER
ROWS = []


def report(measure, value, unit="1", target="", at=""):
    """Print a measure beside its target, and keep it for the table; `at` is where on a curve it lies."""
    met = ""
    if target:
        comparison, threshold = target.split()
        met = "yes" if (value <= float(threshold) if comparison == "<=" else value >= float(threshold)) else "NO"
    row = {"measure": measure, "at": at, "value": f"{value:.4g}", "unit": unit, "target": target, "met": met}
    ROWS.append(row)
    print(f"{measure:85s} {at!s:>6s} {value:10.4g} {unit:6s} {target:9s} {met}", flush=True)


def configuration(**changes):
    """The paper's configuration with changes laid over it, as the workflow has it: order tells bundles."""
    found = paper()
    for overlay in SIZES.overlays:
        found = merged(found, yaml.safe_load(overlay.read_text()))
    return merged(found, changes)


def paper_cell(**changes):
    """Parameters of the paper's depth-3 cell, by gradient descent: 100000 epochs, nine switch epochs, 30000 after."""
    config = configuration(**{"solver": "gradient_descent"} | changes)
    experiment = Plan(config).experiments["depth"]
    return dict(experiment.cells[experiment.axes["seed"][0], 3].parameters)


def shrunk(parameters, factor):
    """The same cell with so many times fewer epochs, and as many records."""
    return parameters | {
        "switch_epochs": sorted({epoch // factor for epoch in parameters["switch_epochs"]}),
        "final_epochs": max(1, parameters["final_epochs"] // factor),
        "record_every": max(1, parameters["record_every"] // factor),
    }


def updates_of(parameters):
    """Updates of gradient descent that a cell needs, with its pre-training shared."""
    return parameters["switch_epochs"][-1] + len(parameters["switch_epochs"]) * parameters["final_epochs"]


def solve(parameters):
    return complete([parameters], pretrain([parameters]))[0]


def wall_time(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def cpu_time(function):
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def step_times(depth, size, runs, engines=("numpy",), seconds=None, rounds=7):
    """Seconds that an update takes, and its matrix products alone, by engine: medians of what is timed in turn."""
    seconds = seconds or SIZES.step_seconds
    task = Task(
        low_rank_matrix(size, 5, random_stream(0, "final_matrix")),
        observation_mask(size, size * size // 5, random_stream(0, "observations")),
    )
    drawn = initial_weights(depth, size, 0.001, random_stream(0, "weights"))
    drawn += [np.random.default_rng(0).standard_normal((size, size)) for _ in range(3)]
    functions = {}
    for name in engines:
        with using(name):
            *weights, left, right, out = placed([np.repeat(array[None], runs, 0) for array in drawn], "float32")

        def products(count, left=left, right=right, out=out):
            multiply = engine(out).matmul
            for _ in range(count * 3 * (depth - 1)):
                multiply(left, right, out=out)

        functions[name, "update"] = Factorization("run").descent(weights, Phase("final", 1, task), 0.2)
        functions[name, "products"] = products

    def clock(function, count):
        start = time.perf_counter()
        function(count)
        return (time.perf_counter() - start) / count

    count = max(2, int(seconds / rounds / max(*(clock(function, 3) for function in functions.values()), 1e-9)))
    times = {key: [] for key in functions}
    for _ in range(rounds):
        for key, function in functions.items():
            times[key].append(clock(function, count))
    return {key: statistics.median(taken) for key, taken in times.items()}


def kernel():
    """Library and kernel of NumPy's products."""
    found = [library for library in threadpool_info() if library["user_api"] == "blas"]
    return ", ".join(f"{library['internal_api']} {library.get('architecture', '')}" for library in found) or "unknown"


def steps():
    """An update beside its products, the other engine and the peak of the core, every one at its best kernel."""
    size = SIZES.peak_size
    square = np.ones((size, size), np.float32)
    peak = 2 * size**3 / min(wall_time(lambda: square @ square) for _ in range(5)) / 1e9
    report(f"peak of one core, a product of {size} x {size} in float32 ({kernel()})", peak, "GFLOP/s")
    for size, runs, depth in itertools.product(SIZES.step_sizes, (1, 9), SIZES.step_depths):
        name = f"update: n = {size}, depth {depth}, {runs} run{'s' * (runs > 1)}"
        times = step_times(depth, size, runs, ("numpy", "torch"))
        update, other = (times[engine, "update"] for engine in ("numpy", "torch"))
        paper = size == 100 and depth in (2, 3, 4)
        report(f"{name} / by the torch engine", update / other, "1", "<= 0.55" if paper else "<= 1.05" * (size > 100))
        if depth == 1:
            report(f"{name} (has no products)", 1e6 * update, "us")
            continue
        products, others = (times[engine, "products"] for engine in ("numpy", "torch"))
        report(f"{name} / its products", update / products, "1", "<= 1.2" if paper else "")
        report(f"{name}: products by NumPy / by torch", products / others, "1")
        reached = 6 * (depth - 1) * size**3 * runs / update / 1e9
        report(f"{name}: its products' operations in its time / peak", reached / peak, "1")


def cell():
    import baseline

    parameters = paper_cell()
    flow, default = paper_cell(solver="gradient_flow"), paper_cell(solver="strided_descent")
    switch_epochs = parameters["switch_epochs"]
    needed = sum(switch_epochs) + len(switch_epochs) * parameters["final_epochs"]
    shared = updates_of(parameters)
    sparse = flow | {"record_every": SIZES.recorded_every}
    torch.set_num_threads(1)
    baseline.run(parameters, 50)
    by_hand = {"svd": [], "svdvals": []}

    def time_by_hand():
        for name, seconds in by_hand.items():
            _, done, taken = baseline.run(parameters, SIZES.by_hand, getattr(torch.linalg, name))
            seconds.append(taken / done * needed)

    results, times = {}, {}
    sparsely = f"gradient flow recorded every {SIZES.recorded_every} epochs"
    solvers = {"gradient descent": parameters, "strides": default, "gradient flow": flow, sparsely: sparse}
    for name, chosen in solvers.items():
        time_by_hand()
        both = lambda chosen=chosen: (*(first := pretrain([chosen])), *complete([chosen], first))  # noqa: E731
        times[name], results[name] = cpu_time(both)
        report(f"{name}, one depth-3 cell", times[name], "s")
        with using("torch"):
            other, _ = cpu_time(both)
        report(f"{name}, one depth-3 cell / by the torch engine", times[name] / other)
    time_by_hand()
    for name, seconds in by_hand.items():
        median = statistics.median(seconds)
        report(
            f"loop written by hand with {name}, the same cell ({SIZES.by_hand} updates timed, 4 times)", median, "s"
        )
        targets = {"gradient descent": ">= 11", "strides": ">= 75", "gradient flow": ">= 200"}
        targets = targets if name == "svd" else {}
        for solver, time_taken in times.items():
            target = targets.get(solver, "")
            report(f"loop written by hand with {name} / {solver}", median / time_taken, "1", target)
    evaluations = sum(dataset.attrs["gradient_evaluations"] for dataset in results["gradient flow"])
    report("updates of gradient descent / gradient evaluations of gradient flow", shared / evaluations, "1", ">= 50")
    descent, continuous = (results[name][1] for name in ("gradient descent", "gradient flow"))
    difference = abs(descent["reconstruction_error"] - continuous["reconstruction_error"]).max().item()
    report("largest difference of a final reconstruction error", difference, "1", "<= 0.01")
    return times


def strides():
    """The paper's cells in strides, and by gradient descent: a tenth of its updates and records, in turn."""
    for depth, target in SIZES.strided.items():
        whole = paper_cell(solver="strided_descent") | {"depth": depth, "record_every": SIZES.all_recorded}
        tenth = paper_cell() | {name: whole[name] for name in ("depth", "record_every")}
        tenth |= {"switch_epochs": sorted({epoch // 10 for epoch in tenth["switch_epochs"]})}
        tenth |= {"final_epochs": tenth["final_epochs"] // 10}
        share = updates_of(tenth) / updates_of(whole)
        ratios = []
        for _ in range(SIZES.rounds):
            before, _ = cpu_time(lambda cell=tenth: solve(cell))
            taken, result = cpu_time(lambda cell=whole: solve(cell))
            after, _ = cpu_time(lambda cell=tenth: solve(cell))
            ratios.append(taken * share / ((before + after) / 2))
        name = f"strides, a cell of depth {depth} with a record every {SIZES.all_recorded} epochs"
        report(f"{name} / gradient descent: CPU time", statistics.median(ratios), "1", target)
        report(f"{name}: CPU time", taken, "s")
        report(f"{name}: gradients after the switches", result.attrs["gradient_evaluations"])
        report(f"{name}: share of updates made one by one", result.attrs["updates_one_by_one"])
    cells = [paper_cell(solver=solver) | {"record_every": SIZES.recorded_every} for solver in STRIDED_AND_FLOW]
    times = {cell["solver"]: [] for cell in cells}
    for _, cell in itertools.product(range(SIZES.rounds), cells):
        times[cell["solver"]].append(cpu_time(lambda cell=cell: solve(cell))[0])
    strided, continuous = (statistics.median(times[solver]) for solver in STRIDED_AND_FLOW)
    report(f"strides / gradient flow, a record every {SIZES.recorded_every} epochs: CPU time", strided / continuous)


def import_time(module):
    """Seconds that a fresh interpreter takes to import a module of the project."""
    begun = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", f"import critical_periods.{module}"],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "src")},
        check=True,
    )
    return time.perf_counter() - begun


def start():
    simulation = "models.matrix_completion.simulation"
    for module in ("planning.plan", "storage.datasets", simulation, "figures.seaborn_renderer"):
        fastest = min(import_time(module) for _ in range(SIZES.rounds))
        report(f"start-up: interpreter and critical_periods.{module}", fastest, "s")
    times = [import_time(simulation) / import_time(f"{simulation}, torch") for _ in range(SIZES.rounds)]
    report("start-up of a training job / with torch", statistics.median(times), "1", "<= 0.4")


def snakemake(folder, changes, *arguments):
    """Wall time and CPU time, of all processes, of a run of the workflow with a changed configuration."""
    overlay = Path(folder) / "changes.yaml"
    overlay.write_text(yaml.safe_dump(changes))
    files = [*map(str, SIZES.overlays), str(overlay)]
    command = [sys.executable, "-m", "snakemake", "--configfile", *files, "--directory", str(folder)]
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([*command, *map(str, arguments)], cwd=REPOSITORY, capture_output=True, text=True)
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def pathways():
    """The multi-pathway figures from nothing on one core, and a sweep of the scalar dynamics in one job."""
    for figures, target in SIZES.pathway_figures.items():
        with tempfile.TemporaryDirectory() as folder:
            wall, cpu = snakemake(folder, {}, "--cores", 1, "--", *figures)
        name = f"{', '.join(figures)} from nothing on one core"
        report(f"{name}: wall time", wall, "s", target)
        report(f"{name}: CPU time", cpu, "s")
    grid = SIZES.pathway_sweep
    sweep = {"title": "Sweep", "model": "scalar_pathways", "vary": grid, "set": {"portrait": False}}
    count = math.prod(map(len, grid.values()))
    for solver in ("gradient_descent", "gradient_flow"):
        changes = {"experiments": {"sweep": sweep}, "solver": solver}
        with tempfile.TemporaryDirectory() as folder:
            snakemake(folder, changes, "--cores", 1, "--", "results/experiments/sweep.nc")
            [job] = job_table(Path(folder) / "results")
        measure = f"{count} cells of the scalar dynamics by {solver.replace('_', ' ')}, one job: wall time"
        report(measure, job["seconds"], "s", "<= 10")


def workflow():
    with tempfile.TemporaryDirectory() as folder:
        smoke = yaml.safe_load((REPOSITORY / "tests/smoke.yaml").read_text())
        wall, _ = snakemake(folder, smoke, "--cores", 2, *([SIZES.target] if SIZES.target else []))
        work = sum(job["seconds"] for job in job_table(Path(folder) / "results"))
        report("smoke run, wall time", wall, "s")
        report("smoke run: wall time on 2 cores / (sum of its timed jobs / 2)", wall / (work / 2))
    for count in SIZES.planned:
        with tempfile.TemporaryDirectory() as folder:
            seeds, ranks = list(range(min(count, 1000))), list(range(1, max(1, count // 1000) + 1))
            many = {"title": "Many", "model": "matrix_completion", "seeds": seeds, "vary": {"pretrain_rank": ranks}}
            changes = {"experiments": {"many": many}, "solver": "gradient_flow"}
            wall, _ = snakemake(folder, changes, "-n", "-q", "all", "--", "results/experiments/many.nc")
            report(f"planning {count} cells", wall, "s", "<= 20" if count == 5000 else "")
            report("planning, by cells", wall, "s", at=count)


def batching():
    """Small cells through the workflow, one or eight to a job: what starting a job costs."""
    grid = {
        "title": "Small cells",
        "model": "matrix_completion",
        "seeds": list(range(SIZES.small_cells)),
        "set": yaml.safe_load((REPOSITORY / "tests/smoke.yaml").read_text())["models"]["matrix_completion"],
    }
    changes = {"experiments": {"small": grid}, "solver": "gradient_flow"}
    cells = Plan(configuration(**changes)).experiments["small"].cells.values()
    needed, _ = cpu_time(lambda: [solve(cell.parameters) for cell in cells])
    report(f"{len(cells)} small cells: CPU time of their numerics", needed, "s")
    for together in (1, 8):
        with tempfile.TemporaryDirectory() as folder:
            config = changes | {"cells_per_job": {"gradient_flow": together}}
            wall, cpu = snakemake(folder, config, "--cores", 2, "--", "results/experiments/small.nc")
        name = f"{len(cells)} small cells, {together} a job"
        report(f"{name}: wall time on 2 cores", wall, "s")
        report(f"{name}: CPU time", cpu, "s")
        report(f"{name}: share of CPU time that is not numerics", 1 - needed / cpu)


def cells(whole=False):
    """A thousand cells of gradient flow: those of the first seeds through the workflow as planned for all."""
    grid = SIZES.thousand
    per_seed = math.prod(map(len, grid.values()))
    count = per_seed * SIZES.thousand_seeds
    experiment = {"title": "Thousand", "model": "matrix_completion", "vary": grid}
    experiment |= {"seeds": list(range(SIZES.thousand_seeds)), "set": {"record_every": SIZES.recorded_every}}
    changes = {"experiments": {"thousand": experiment}, "solver": "gradient_flow"}
    changes["cells_per_job"] = {"gradient_flow": per_seed * SEEDS_PER_JOB}
    plan = Plan(configuration(**changes))
    planned = list(plan.experiments["thousand"].cells.values())
    for depth, every in itertools.product(grid["depth"], (SIZES.recorded_every, paper_cell()["record_every"])):
        parameters = paper_cell(solver="gradient_flow") | {"depth": depth, "record_every": every}
        seconds, _ = cpu_time(lambda parameters=parameters: solve(parameters))
        report(f"gradient flow, one cell of depth {depth}, a record every {every} epochs: CPU time", seconds, "s")
    needed, _ = cpu_time(lambda: [solve(cell.parameters) for cell in planned[:per_seed]])
    report(f"numerics of a cell, mean over {per_seed} of different depth and rank: CPU time", needed / per_seed, "s")
    sampled = planned[: per_seed * SIZES.sampled_seeds]
    changes["experiments"]["sample"] = experiment | {"seeds": list(range(SIZES.sampled_seeds))}
    dataset = "results/experiments/thousand.nc"
    with tempfile.TemporaryDirectory() as folder:
        planning, _ = snakemake(folder, changes, "-n", "-q", "all", "--", dataset)
        report(f"planning {count} cells by depth, rank and seed", planning, "s")
    for cores in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            walls, cpu = snakemake(
                folder, changes, "--cores", cores, "--until", "train", "--", "results/experiments/sample.nc"
            )
            jobs = job_table(Path(folder) / "results")
            report(f"{len(sampled)} of {count} cells on {cores} core{'s' * (cores > 1)}: wall time", walls, "s")
            report("sample of a thousand cells, scaled, by cores", walls / len(sampled) * count, "s", at=cores)
            if cores == 1:
                overhead = max(0.0, walls - planning - sum(job["seconds"] for job in jobs)) / len(jobs)
                report("start of a job before its script runs: wall time", overhead, "s")
                continue
            share = 1 - needed / per_seed * len(sampled) / cpu
            report(f"{len(sampled)} of {count} cells: share of CPU time that is not numerics", share, "1", "<= 0.25")
            report_memory(jobs, "thousand cells")
            size = sum(file.stat().st_size for file in (Path(folder) / "results/cells").rglob("*.nc"))
            report("size of a cell's results, pre-training's weights too", size / len(sampled) / 1e6, "MB")
            some = merged(changes, {"experiments": {"thousand": {"seeds": list(range(SIZES.sampled_seeds))}}})
            wall, _ = snakemake(folder, some, "--cores", cores, "--", dataset)
            aggregation = max(0.0, wall - planning)
            report(f"aggregation of {len(sampled)} cells, start-up included: wall time", aggregation, "s")
    aggregation *= count / len(sampled)
    seconds = {
        rule: [overhead + job["seconds"] for job in jobs if job["rule"] == rule] for rule in ("pretrain", "train")
    }
    schedule, needs = {}, {}
    for index in range(math.ceil(SIZES.thousand_seeds / SEEDS_PER_JOB)):
        for rule, times in seconds.items():
            schedule[rule, index] = times[index % len(times)]
        needs["train", index] = [("pretrain", index)]
    for cores in (1, 2, 8, 64, 512):
        total = planning + makespan(schedule, needs, cores) + aggregation
        target = "<= 2700" if cores == 2 else ""
        report(f"{count} cells on {cores} core{'s' * (cores > 1)}, extrapolated: wall time", total, "s", target)
        report("a thousand cells, schedule simulated, by cores", total, "s", at=cores)
    if whole:
        with tempfile.TemporaryDirectory() as folder:
            wall, cpu = snakemake(folder, changes, "--cores", 2, "--", dataset)
            report(f"{count} cells on 2 cores, run in full: wall time", wall, "s", "<= 2700")
            report(f"{count} cells on 2 cores, run in full: CPU time", cpu, "s")
            share = 1 - needed / per_seed * count / cpu
            report(f"{count} cells, run in full: share of CPU time that is not numerics", share, "1", "<= 0.25")


def flow():
    """The whole paper, all figures and claims, by gradient flow."""
    changes = {"solver": "gradient_flow"}
    plan = Plan(configuration(**changes))
    with tempfile.TemporaryDirectory() as folder:
        wall, cpu = snakemake(folder, changes, "--cores", 2, *([SIZES.target] if SIZES.target else []))
        jobs = job_table(Path(folder) / "results")
        report("whole paper by gradient flow on 2 cores: wall time", wall, "s", "<= 180")
        report("whole paper by gradient flow: CPU time", cpu, "s")
        report("whole paper by gradient flow: sum of its timed jobs", sum(job["seconds"] for job in jobs), "s")
        report("whole paper by gradient flow: timed jobs", len(jobs))
        report_memory(jobs, "whole paper by gradient flow")
        report("whole paper by gradient flow: size of results", folder_size(Path(folder) / "results"), "MB", "<= 500")
    report_schedule("whole paper by gradient flow", plan, jobs)


def job_table(results):
    """Rule, wall time and memory of every finished job that was timed."""
    table = []
    for file in sorted((results / "benchmarks").rglob("*.tsv")):
        with file.open() as stream:
            for row in csv.DictReader(stream, delimiter="\t"):
                numbers = {key: 0.0 if row[key] in ("NA", "-") else float(row[key]) for key in ("s", "max_rss")}
                rule = file.relative_to(results / "benchmarks").parts[0]
                table.append(
                    {
                        "rule": rule if len(file.relative_to(results / "benchmarks").parts) > 1 else file.stem,
                        "bundle": file.stem,
                        "seconds": numbers["s"],
                        "memory": numbers["max_rss"],
                    }
                )
    return table


def report_memory(jobs, name):
    for rule in sorted({job["rule"] for job in jobs}):
        memory = max(job["memory"] for job in jobs if job["rule"] == rule)
        report(f"{name}: largest memory of a job of rule {rule}", memory, "MB", "<= 1000")


def folder_size(folder):
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


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
                timings[key] = step_times(*key, seconds=2 * SIZES.step_seconds)["numpy", "products"]
            total += epochs * timings[key]
    return total


def run():
    plan = Plan(configuration())
    results = REPOSITORY / "results"
    jobs = [job for job in job_table(results) if job["bundle"] in plan.bundles]
    training = [job for job in jobs if job["rule"] in ("pretrain", "train")]
    if not training:
        print("run: no results/benchmarks; `make figures` first")
        return
    floor = products_needed(plan)
    taken = sum(job["seconds"] for job in training)  # of a thread each; of CPU time Snakemake takes samples
    report("paper, matrix completion: time of training jobs", taken, "s")
    report("paper, matrix completion: matrix products needed", floor, "s")
    report("time of training jobs / matrix products", taken / floor, "1", "<= 1.35")
    report_memory(jobs, "paper by gradient descent")
    # Of this run alone: its cells, datasets and figures, whatever else lies there.
    names = {*plan.bundles, *plan.experiments, *configuration()["figures"]}
    folders = [results / folder for folder in ("cells", "experiments", "figures", "interactive")]
    size = sum(file.stat().st_size for folder in folders for file in folder.rglob("*") if file.stem in names)
    report("size of all results", size / 1e6, "MB", "<= 500")
    report_schedule("paper by gradient descent", plan, training)


def report_schedule(name, plan, jobs):
    """Wall time of the measured training jobs on more cores than there are."""
    schedule = {job["bundle"]: job["seconds"] for job in jobs if job["bundle"] in plan.bundles}
    needs = {
        bundle: [first.id for first in plan.first_bundles(plan.bundles[bundle]) if first.id in schedule]
        for bundle in schedule
        if plan.bundles[bundle].cells[0].model == "matrix_completion"
    }
    for cores in (1, 2, 8, 64, 512):
        report(
            f"{name}, training jobs: schedule simulated on {cores} core{'s' * (cores > 1)}",
            makespan(schedule, needs, cores),
            "s",
        )


def makespan(seconds, needs, cores):
    """Wall time of jobs on so many cores, each started as soon as its inputs and a core are there.

    Parameters
    ----------
    seconds
        Job -> what it takes.
    needs
        Job -> the jobs that come before it; these need none themselves.
    cores
        How many jobs run at a time.
    """
    finished, free = {}, [0.0] * cores
    for job in sorted(seconds, key=lambda job: (bool(needs.get(job)), -seconds[job])):
        core = min(range(cores), key=free.__getitem__)
        begin = max([free[core], *(finished[before] for before in needs.get(job, ()))])
        finished[job] = free[core] = begin + seconds[job]
    return max(finished.values())


def growth():
    names = {"size": "n", "depth": "depth", "runs": "runs in a batch"}
    for varied, values in SIZES.growth.items():
        for value in values:
            times = step_times(**({"depth": 3, "size": 100, "runs": 1} | {varied: value}))
            report(f"update, by {names[varied]}", 1e6 * times["numpy", "update"], "us", at=value)
            report(f"products of an update, by {names[varied]}", 1e6 * times["numpy", "products"], "us", at=value)
    base = paper_cell(solver="gradient_flow") | {"record_every": SIZES.recorded_every}
    for name, solver, shrinks in (
        ("gradient descent", "gradient_descent", SIZES.descent_shrink),
        ("gradient flow", "gradient_flow", SIZES.flow_shrink),
    ):
        for shrink in shrinks:
            parameters = shrunk(base | {"solver": solver}, shrink)
            seconds, _ = cpu_time(lambda parameters=parameters: solve(parameters))
            report(f"cell by {name}, by updates", seconds, "s", at=updates_of(parameters))
    for name, varied, values in (("n", "size", SIZES.flow_sizes), ("depth", "depth", SIZES.flow_depths)):
        for value in values:
            observed = {"n_observed": value**2 // 5, "pretrain_n_observed": value**2 // 5} if varied == "size" else {}
            parameters = base | {varied: value} | observed
            seconds, _ = cpu_time(lambda parameters=parameters: solve(parameters))
            report(f"cell by gradient flow, by {name}", seconds, "s", at=value)
    for name, solver in (("gradient descent", "gradient_descent"), ("gradient flow", "gradient_flow")):
        peaks = {}
        for size in SIZES.memory_sizes:
            few = {"switch_epochs": list(range(0, 45, 5)), "final_epochs": 20, "record_every": 5}
            observed = {"n_observed": size**2 // 5, "pretrain_n_observed": size**2 // 5}
            idle, peaks[size] = peak_memory(base | few | observed | {"size": size, "solver": solver})
            limits = ("<= 250", "<= 120") if size == 100 else ("", "")
            report(f"memory of a cell by {name}, by n", peaks[size], "MB", limits[0], at=size)
            if solver == "gradient_flow":
                report("memory before training, by n", idle, "MB", limits[1], at=size)
        small, middle, large = (peaks[size] for size in SIZES.memory_sizes[-3:])
        # Of differences, which whatever the process holds besides leaves alone; each size is twice the one before.
        exponent = math.log2((large - middle) / (middle - small))
        report(f"memory by {name}: exponent of n up to {SIZES.memory_sizes[-1]}", exponent, "1", "<= 2")


def peak_memory(parameters):
    """Megabytes that a process holds once it can train, and at most while it trains a cell."""
    code = """
import json, sys
from pathlib import Path
from critical_periods.models.matrix_completion.simulation.simulate import complete, pretrain
def peak():
    # Not ru_maxrss, which begins with what the parent held when it started this process.
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024
parameters = json.loads(sys.argv[1])
tiny = parameters | {"size": 10, "n_observed": 20, "pretrain_n_observed": 20, "final_epochs": 5}
complete([tiny], pretrain([tiny]))
idle = peak()
complete([parameters], pretrain([parameters]))
print(json.dumps([idle, peak()]))
"""
    # Every array in pages of its own: what glibc's heap keeps of freed blocks changes from run to run by a third.
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "src"), "MALLOC_MMAP_THRESHOLD_": "65536"}
    command = [sys.executable, "-c", code, json.dumps(parameters)]
    return json.loads(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


def half_of_paper(device, shrink=1, key=batch_key):
    """Wall time and final errors of all matrix-completion cells of the paper, by gradient descent."""
    plan = Plan(configuration())
    found = {}
    for experiment in plan.experiments.values():
        if experiment.model == "matrix_completion":
            for cell in experiment.cells.values():
                found[cell.id] = Cell(cell.model, shrunk(cell.parameters, shrink) | {"device": device})
    first = {cell.id: first_cell(cell) for cell in found.values()}
    begun = time.perf_counter()
    before = run_batches("pretraining", {p.id: p.parameters for p in first.values()}, pretrain, key)
    arguments = {identity: before[first[cell.id].id] for identity, cell in found.items()}
    parameters = {identity: cell.parameters for identity, cell in found.items()}
    after = run_batches("matrix_completion", parameters, complete, key, arguments.__getitem__)
    seconds = time.perf_counter() - begun
    return seconds, {identity: dataset["reconstruction_error"].values for identity, dataset in after.items()}


def gpu():
    if not torch.cuda.is_available():
        print("gpu: skipped, torch finds no CUDA device")
        return
    half_of_paper("cuda", 1000)  # starts the device
    seconds, _ = half_of_paper("cuda")
    report(f"matrix completion of the paper, in batches on {torch.cuda.get_device_name()}", seconds, "s")
    peak = torch.cuda.max_memory_allocated() / 1e6
    report("matrix completion of the paper: largest memory on the GPU", peak, "MB")
    few = f"the same with {SIZES.gpu_shrink} times fewer epochs"
    (on_gpu, errors), (on_cpu, others) = (half_of_paper(device, SIZES.gpu_shrink) for device in ("cuda", "cpu"))
    report(f"{few}, on the GPU", on_gpu, "s")
    report(f"{few}, on one core", on_cpu, "s")
    report(f"{few}, one core / GPU", on_cpu / on_gpu)
    difference = max(float(abs(errors[identity] - others[identity]).max()) for identity in errors)
    report(f"{few}, largest difference of a final error", difference)


#: Moves a slider of the explorer at every frame, and counts the frames and the trajectories that come with them.
MOVES_A_SLIDER = """
const done = arguments[0];
const slider = document.querySelector("input[aria-label='Singular value s, slider']");
let [begun, frames] = [null, 0];
requestAnimationFrame(function tick(now) {
  begun ??= now;
  frames += 1;
  slider.value = 250 + 100 * Math.sin((now - begun) / 500);
  slider.dispatchEvent(new Event("input", { bubbles: true }));
  if (now - begun < 5000) requestAnimationFrame(tick);
  else done((1000 * frames) / (now - begun));
});
"""


def explorer():
    """Frames a second of the explorer, 100 trajectories at D = 5 with the flow, while a slider moves."""
    from selenium import webdriver

    from critical_periods.publishing.explorer import EXPLORER

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in ("--headless", "--no-sandbox", "--window-size=1500,1000"):
        options.add_argument(flag)
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        browser.get(f"{EXPLORER.as_uri()}#pathways&depth=5&n_trajectories=100")
        browser.set_script_timeout(60)
        time.sleep(2)
        report(
            "explorer, 100 trajectories at D = 5: frames a second",
            browser.execute_async_script(MOVES_A_SLIDER),
            "1/s",
            ">= 30",
        )
    finally:
        browser.quit()


SECTIONS = {
    section.__name__: section
    for section in (
        steps,
        cell,
        strides,
        start,
        pathways,
        workflow,
        batching,
        cells,
        flow,
        run,
        growth,
        explorer,
        gpu,
    )
}


def machine():
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    cpu = next((line.split(":")[1].strip() for line in lines if "model name" in line), platform.processor())
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    return f"{cpu}, {os.cpu_count()} cores, {platform.system()}, {versions}"


COLUMNS = ["section", "measure", "at", "value", "unit", "target", "met"]


def kept_rows(table, sections):
    """Rows of an earlier table that this run has not measured anew, if it was made on this machine."""
    if not table.exists():
        return []
    with table.open() as stream:
        rows = list(csv.DictReader(stream))
    if not rows or rows[0].get("measure") != machine() or list(rows[0]) != COLUMNS:
        return []
    return [row for row in rows if row["section"] not in ("machine", *sections)]


def write(rows, table, columns):
    table.parent.mkdir(parents=True, exist_ok=True)
    with table.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows([{"section": "machine", "measure": machine()}, *rows])


def main():
    global SIZES
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="section", help=f"any of: {', '.join(SECTIONS)}; default: all")
    parser.add_argument("--quick", action="store_true", help="at toy size, into results/quick/")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="default: results, results/quick with --quick")
    parser.add_argument("--whole", action="store_true", help="section cells runs the thousand cells in full")
    parser.add_argument("--publish", action="store_true", help="write docs/bench.csv and docs/figures/growth.png too")
    arguments = parser.parse_args()
    chosen = arguments.sections or list(SECTIONS)
    if unknown := set(chosen) - set(SECTIONS):
        parser.error(f"unknown section {', '.join(sorted(unknown))}; allowed: {', '.join(SECTIONS)}")
    if arguments.quick and arguments.publish:
        parser.error("--publish = True; allowed: without --quick")
    SIZES = QUICK if arguments.quick else PAPER
    torch.set_num_threads(1)
    folder = arguments.output or REPOSITORY / "results" / ("quick" if arguments.quick else "")
    table = folder / "bench.csv"
    print(machine())
    for name in chosen:
        begun = len(ROWS)
        SECTIONS[name](whole=True) if name == "cells" and arguments.whole else SECTIONS[name]()
        for row in ROWS[begun:]:
            row["section"] = name
        rows = kept_rows(table, {row["section"] for row in ROWS} | {name}) + ROWS
        rows.sort(key=lambda row: list(SECTIONS).index(row["section"]))
        write(rows, table, COLUMNS)
    from growth_figure import draw

    draw(rows, folder / "growth.png")
    print(f"written to {table}")
    if arguments.publish:
        publish = [row for row in rows if not row["at"] and row["section"] != "machine"]
        write(publish, REPOSITORY / "docs/bench.csv", [column for column in COLUMNS if column != "at"])
        draw(rows, REPOSITORY / "docs/figures/growth.png")


if __name__ == "__main__":
    main()
