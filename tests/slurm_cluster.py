"""A SLURM of one node on this machine, for tests: Debian's daemons, on loopback, with files of their own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

#: Debian packages that hold the daemons and the commands.
PACKAGES = "slurm-wlm munge"

#: Daemons end themselves after this many seconds, whatever becomes of the tests.
LIFETIME = 1500

CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/finished_jobs.txt
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
MpiDefault=none
ReturnToService=2
MinJobAge=3600
KillWait=10
SchedulerParameters=sched_interval=1,batch_sched_delay=0
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory}
PartitionName={partition} Nodes={host} Default=YES MaxTime=UNLIMITED State=UP
"""


class SlurmCluster:
    """Start munged, slurmctld and slurmd, as root; `stop` ends them, by process, and the jobs they run.

    Parameters
    ----------
    folder
        Where their sockets, states and logs go; its path must be short, for the socket's sake.
    cpus
        CPUs that the node pretends to have.
    memory
        Memory that it pretends to have, in MB.
    """

    partition = "test"

    def __init__(self, folder: Path, cpus: int = 4, memory: int = 16000) -> None:
        self.folder, self.daemons = folder, []
        for part in ("state", "spool"):
            (folder / part).mkdir()
        key = folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(128))
        configuration = folder / "slurm.conf"
        ports = _free_ports(2)
        configuration.write_text(
            CONFIGURATION.format(
                host=socket.gethostname().split(".")[0],
                controller_port=ports[0],
                node_port=ports[1],
                folder=folder,
                cpus=cpus,
                memory=memory,
                partition=self.partition,
            )
        )
        (folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n")
        self.environment = os.environ | {"SLURM_CONF": str(configuration)}
        try:
            self._daemon(
                "munged",
                "--foreground",
                "--force",
                f"--socket={folder}/munge.socket",
                f"--key-file={key}",
                f"--pid-file={folder}/munged.pid",
                f"--log-file={folder}/munged.log",
                f"--seed-file={folder}/munged.seed",
            )
            self._wait(lambda: (folder / "munge.socket").exists(), "munged")
            self._daemon("slurmctld", "-D", "-f", str(configuration))
            # Commands inside a job look for their configuration where it is by default: there, in a view of the file
            # system that only slurmd and its jobs have, this folder lies.
            inside = f"mount --bind {folder} /etc/slurm && exec {_program('slurmd')} -D"
            self._daemon("unshare", "--mount", "sh", "-c", inside, log="slurmd")
            self._wait(lambda: "idle" in self.run("sinfo", "--noheader", "--format=%T", check=False), "slurmd")
        except BaseException:
            self.stop()
            raise

    def run(self, *command: str, check: bool = True) -> str:
        """Output of a command of SLURM's."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60)
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
        return done.stdout

    def jobs(self) -> dict[str, dict[str, str]]:
        """SLURM's own record of every job so far, finished or not: identity -> field -> value."""
        jobs = {}
        for line in self.run("scontrol", "show", "job", "--oneliner").splitlines():
            fields = dict(part.split("=", 1) for part in line.split() if "=" in part)
            if "JobId" in fields:
                jobs[fields["JobId"]] = fields
        return jobs

    def active(self) -> list[str]:
        """Identities of the jobs that are waiting or running."""
        return self.run("squeue", "--noheader", "--format=%i", check=False).split()

    def cancel_all(self) -> None:
        """Cancel what is waiting or running and wait until it is gone."""
        if active := self.active():
            self.run("scancel", *active, check=False)
        self._wait(lambda: not self.active(), "scancel", seconds=30)

    def stop(self) -> None:
        """Cancel all jobs, then end the daemons."""
        try:
            if len(self.daemons) == 3:
                self.cancel_all()
        finally:
            for daemon in reversed(self.daemons):
                daemon.terminate()
                try:
                    daemon.wait(20)
                except subprocess.TimeoutExpired:
                    daemon.kill()
                    daemon.wait()

    def _daemon(self, name: str, *arguments: str, log: str | None = None) -> None:
        with (self.folder / f"{log or name}.out").open("w") as output:
            self.daemons.append(
                subprocess.Popen(
                    ["timeout", "--kill-after=10", str(LIFETIME), _program(name), *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=self.environment,
                )
            )

    def _wait(self, ready, what: str, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > end:
                logs = "\n".join(f"{log}:\n{log.read_text()[-2000:]}" for log in self.folder.glob("*.out"))
                raise RuntimeError(f"{what}: not ready after {seconds:g} s\n{logs}")
            time.sleep(0.2)


def _program(name: str) -> str:
    program = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if program is None:
        raise RuntimeError(f"{name} is missing: apt-get install --no-install-recommends {PACKAGES}")
    return program


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
