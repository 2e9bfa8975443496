"""What the configuration may ask of the multi-pathway models, and what it may not."""

import pytest

from critical_periods.configuration.fields import ConfigError
from critical_periods.planning.plan import Plan

OWN_STARTS = {"init_p": [[0.1, 0.2]], "n_trajectories": 1, "init_mean": 0, "init_sd": 0}


@pytest.fixture
def plan(config):
    def planned(model, fixed=None, vary=None, figure=None):
        """The plan of one experiment of these settings."""
        mine = {"title": "Mine", "model": model, "set": fixed or {}, "vary": vary or {}}
        return Plan(config | {"experiments": {"mine": mine}, "figures": {"mine": figure} if figure else {}})

    return planned


@pytest.mark.parametrize(
    ("model", "fixed", "named"),
    [
        ("scalar_pathways", {"depth": 1}, "depth = 1; allowed: integer, at least 2"),
        ("scalar_pathways", {"onset": 990}, r"gating .* = \[990, 1005\]; allowed: 0 to 1000"),
        ("scalar_pathways", {"gated_pathway": "c"}, "gated_pathway = 'c'; allowed: one of a, b"),
        ("scalar_pathways", {"plasticity": 1.5}, "plasticity = 1.5"),
        ("scalar_pathways", {"imbalance": -0.5}, "imbalance = -0.5"),
        ("scalar_pathways", {"duration": [{"onset": 100, "duration": 5}]}, "onset = 0; allowed: .* one of 100"),
        (
            "scalar_pathways",
            {"duration": [{"onset": 0, "duration": 5}, {"onset": 0, "duration": 6}]},
            "duration = .*; allowed: one duration for onset 0",
        ),
        (
            "scalar_pathways",
            {"duration": [{"onset": 0}]},
            r"duration\[0\]: missing key = 'duration'; .* onset, duration",
        ),
        ("scalar_pathways", {"duration": "long"}, "duration = 'long'; allowed: integer, .* or list, 1 or more items"),
        ("scalar_pathways", {"width": 10}, "width"),
        ("scalar_pathways", {"depth": [2, 3, 4]}, "a number, or 2 of them"),
        ("scalar_pathways", OWN_STARTS | {"n_trajectories": 2}, "init_p = .*; allowed: 2 lists of 2 numbers"),
        ("scalar_pathways", OWN_STARTS | {"init_sd": 0.1}, "init_sd = 0.1; allowed: 0, where init_p is given"),
        ("scalar_pathways", OWN_STARTS | {"imbalance": -0.02}, r"imbalance = -0.02; allowed: -0.01 or more"),
        (
            "pathway_network",
            {"init_scale": 1e-38, "dtype": "float32"},
            "init_scale = 1e-38; allowed: 3.32e-38 or more",
        ),
        ("pathway_network", {"depth": 1}, "depth = 1"),
        ("pathway_network", {"depth": [2, 3, 4]}, "a number, or 2 of them"),
        ("pathway_network", {"depth": [2, 1]}, r"depth\[1\] = 1; allowed: integer, at least 2"),
        ("pathway_network", {"width": 7}, "width = 7; allowed: 8 or more"),
        ("pathway_network", {"width": [100, 7]}, "allowed: 8 or more"),
        ("pathway_network", {"activation": "sigmoid"}, "allowed: linear or tanh or relu"),
        ("pathway_network", {"onset": 900}, "gating"),
        ("pathway_network", {"lesioned_modes": [2]}, "lesioned_pathway = empty"),
        ("pathway_network", {"lesioned_pathway": "a", "lesioned_modes": [9]}, "lesioned_modes = 9; allowed: 1 to 8"),
        ("pathway_network", {"lesioned_pathway": "z", "lesioned_modes": [1]}, "lesioned_pathway = 'z'"),
        ("pathway_network", {"lesioned_pathway": "a", "lesion_onset": 500, "lesion_duration": 501}, "lesion"),
        ("pathway_network", {"branching": [1, 2]}, "branching"),
    ],
)
def test_the_impossible_is_refused_by_name(plan, model, fixed, named):
    with pytest.raises(ConfigError, match=named):
        plan(model, fixed)


def test_onsets_that_vary_are_checked_one_by_one(plan):
    with pytest.raises(ConfigError, match="gating"):
        plan("pathway_network", vary={"onset": [0, 851]})
    assert len(plan("pathway_network", vary={"onset": [0, 850]}).experiments["mine"].cells) == 2


def test_a_duration_for_each_onset_is_the_same_cell_as_the_number(plan):
    durations = [{"onset": 0, "duration": 15}, {"onset": 100, "duration": 20}]
    listed = plan("scalar_pathways", {"duration": durations}, {"onset": [0, 100]}).experiments["mine"].cells
    plain = plan("scalar_pathways", {"duration": 15}, {"onset": [0, 100]}).experiments["mine"].cells
    assert listed[0, 0].id == plain[0, 0].id
    assert listed[0, 100].id != plain[0, 100].id


def test_all_cells_of_an_experiment_of_scalar_pathways_are_one_job(plan):
    for solver in ("gradient_descent", "gradient_flow"):
        planned = plan("scalar_pathways", {"solver": solver}, {"depth": list(range(2, 12)), "onset": [0, 100]})
        assert len(planned.bundles) == 1


def test_a_figure_without_its_columns_is_refused(plan):
    figure = {"title": "Mine", "panels": [{"plot": "phase_portrait", "experiment": "mine", "col": "width"}]}
    with pytest.raises(ConfigError, match=r"col = 'width'; allowed: .*depth"):
        plan("scalar_pathways", vary={"depth": [2, 3]}, figure=figure)
