import contextlib
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

from critical_periods.storage.datasets import CHECKSUM, DatasetError, checksum, read_dataset, write


@pytest.fixture
def dataset():
    return xr.Dataset(
        {"value": (("epoch", "mode"), np.random.default_rng(0).standard_normal((200, 30)).astype("float32"))},
        coords={"epoch": np.arange(200), "phase": ("epoch", ["first"] * 100 + ["final"] * 100)},
        attrs={"parameters": "{}"},
    )


def test_what_is_read_is_what_was_written(dataset, tmp_path):
    write(dataset, tmp_path / "new_folder/one.nc")
    stored = read_dataset(tmp_path / "new_folder/one.nc")
    assert stored.equals(dataset)
    assert {"software", "code_version", "created", "parameters", CHECKSUM} <= set(stored.attrs)
    assert "torch" in stored.attrs["software"]


@pytest.mark.parametrize("kept", [0, 100, 0.5, 0.99])
def test_a_truncated_file_is_named(dataset, tmp_path, kept):
    path = tmp_path / "short.nc"
    write(dataset, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if isinstance(kept, float) else kept])
    with pytest.raises(DatasetError, match=r"short\.nc"):
        read_dataset(path)


def test_a_flipped_bit_is_noticed_wherever_the_data_lie(dataset, tmp_path):
    path = tmp_path / "flipped.nc"
    write(dataset, path)
    content = path.read_bytes()
    for position in range(len(content) // 2, len(content) - 1, len(content) // 40):
        damaged = bytearray(content)
        damaged[position] ^= 4
        path.write_bytes(damaged)
        with contextlib.suppress(DatasetError):
            assert read_dataset(path).equals(dataset)


def test_changed_values_do_not_pass_for_the_original(dataset, tmp_path):
    path = tmp_path / "edited.nc"
    dataset.assign_attrs({CHECKSUM: checksum(dataset + 1)}).to_netcdf(path)
    with pytest.raises(DatasetError, match=r"edited\.nc.*checksum"):
        read_dataset(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"nowhere\.nc"):
        read_dataset(tmp_path / "nowhere.nc")


def test_nothing_is_left_behind_when_writing_fails(dataset, tmp_path):
    path = tmp_path / "whole.nc"
    write(dataset, path)
    unwritable = dataset.assign(bad=("epoch", [object()] * 200))
    with pytest.raises(ValueError, match="object"):
        write(unwritable, path)
    assert [file.name for file in tmp_path.iterdir()] == ["whole.nc"]
    assert read_dataset(path).equals(dataset)


def test_checksum_depends_on_values_names_and_axes(dataset):
    others = [
        dataset + 1,
        dataset.rename(value="other"),
        dataset.transpose("mode", "epoch"),
        dataset.isel(epoch=slice(9)),
    ]
    assert len({checksum(other) for other in [dataset, *others]}) == 5
    assert checksum(dataset.assign_attrs(title="new")) == checksum(dataset)


#: Conditions under which an intact file cannot be read: name -> statements that bring them about.
HINDRANCES = {
    "memory is short": (
        "import psutil; used = psutil.Process().memory_info().vms; "
        "resource.setrlimit(resource.RLIMIT_AS, (used + 30_000_000, -1))"
    ),
    "too many open files": (
        "resource.setrlimit(resource.RLIMIT_NOFILE, (50, 50)); held = []\n"
        "try:\n    while True: held.append(open('/dev/null'))\nexcept OSError: pass"
    ),
    "the file may not be read": "os.chmod(path, 0); os.geteuid() or os.seteuid(65534)",
}


@pytest.mark.parametrize("hindrance", HINDRANCES)
def test_an_intact_file_that_cannot_be_read_is_not_called_damaged(hindrance, tmp_path):
    path = tmp_path / "intact.nc"
    write(xr.Dataset({"value": (("x", "y"), np.random.default_rng(0).random((3000, 1000)))}), path)
    tmp_path.chmod(0o755)
    script = (
        f"import os, resource, sys, numpy\nsys.path[:] = {sys.path}\n"
        "from critical_periods.storage.datasets import DatasetError, read_dataset, write\n"
        f"path = {str(path)!r}\nsmall = path + '.small'\n"
        "import xarray; write(xarray.Dataset({'value': 1.0}), small); read_dataset(small)\n"  # everything is loaded
        f"{HINDRANCES[hindrance]}\n"
        "try:\n    read_dataset(path)\n"
        "except DatasetError as error:\n    print('DAMAGED', error)\n"
        "except OSError as error:\n    print('TOLD', error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.startswith(f"TOLD {path}: cannot be read"), done.stdout + done.stderr
    path.chmod(0o644)
    assert read_dataset(path).sizes["x"] == 3000


def test_what_another_process_is_writing_is_left_and_what_an_ended_one_left_goes(dataset, tmp_path):
    ended = subprocess.Popen(["true"])
    ended.wait()
    places = {pid: tmp_path / f".whole.nc.{socket.gethostname()}.{pid}.partial" for pid in (ended.pid, os.getppid())}
    elsewhere = tmp_path / f".whole.nc.another-host.{ended.pid}.partial"
    for place in (*places.values(), elsewhere):
        place.touch()
    write(dataset, tmp_path / "whole.nc")
    assert not places[ended.pid].exists()
    assert places[os.getppid()].exists()
    assert elsewhere.exists()
