"""Stands in for Snakemake's SLURM executor: runs the command of every job at once, as a node of a cluster would."""

import subprocess
from dataclasses import dataclass, field

from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.settings import CommonSettings, ExecutorSettingsBase

common_settings = CommonSettings(non_local_exec=True, implies_no_shared_fs=False, job_deploy_sources=False)


@dataclass
class ExecutorSettings(ExecutorSettingsBase):
    init_seconds_before_status_checks: int = field(default=40, metadata={"help": "Ignored."})
    requeue: bool = field(default=False, metadata={"help": "Ignored."})


class Executor(RemoteExecutor):
    def __post_init__(self):
        self.failed = set()

    def run_job(self, job):
        self.logger.info(f"SUBMITTED {job.name}")
        if subprocess.run(self.format_job_exec(job), shell=True).returncode:
            self.failed.add(job)
        self.report_job_submission(SubmittedJobInfo(job))

    async def check_active_jobs(self, active_jobs):
        for info in active_jobs:
            if info.job in self.failed:
                self.report_job_error(info)
            else:
                self.report_job_success(info)
        return
        yield

    def cancel_jobs(self, active_jobs):
        pass
