# The workflow with everything it needs, from the lock file:
#   docker build --tag critical-periods .
#   docker run --rm --volume "$PWD/out:/work" critical-periods --cores all
# Apptainer: docs/clusters.md, "Environments"
FROM python:3.11.14-slim
ENV PYTHONDONTWRITEBYTECODE=1 MPLBACKEND=agg MPLCONFIGDIR=/tmp/matplotlib XDG_CACHE_HOME=/tmp/cache
COPY requirements.lock requirements-cpu.lock /opt/critical-periods/
# torch without CUDA, a tenth of the size: --build-arg LOCK=requirements-cpu.lock
ARG LOCK=requirements.lock
RUN pip install --no-cache-dir --requirement /opt/critical-periods/${LOCK}
COPY Snakefile config.yaml LICENSE README.md /opt/critical-periods/
COPY workflow /opt/critical-periods/workflow
COPY profiles /opt/critical-periods/profiles
COPY src /opt/critical-periods/src
COPY studies /opt/critical-periods/studies
COPY envs /opt/critical-periods/envs
COPY tests/smoke.yaml /opt/critical-periods/tests/
WORKDIR /work
ENTRYPOINT ["snakemake", "--snakefile", "/opt/critical-periods/Snakefile", "--directory", "/work"]
