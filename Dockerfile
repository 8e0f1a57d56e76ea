# syntax=docker/dockerfile:1
# Three images of one build: `service` answers and learns, `training` also fits models and runs the MLflow server, `journeys`
# runs the reference journeys.
#   docker build --target service -t gardoon .
FROM python:3.12-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 PATH=/opt/venv/bin:$PATH
ENV MLFLOW_DISABLE_TELEMETRY=true FEAST_USAGE=False
ENV MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR=false MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT=true
# LightGBM needs the OpenMP runtime, which the slim image has not. A pinned version would vanish from Debian's mirrors.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends libgomp1 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /srv/gardoon --no-create-home gardoon
WORKDIR /srv/gardoon

FROM base AS build
RUN pip install --no-cache-dir uv==0.13.9
COPY requirements/serve.lock /requirements/serve.lock
RUN uv venv /opt/venv \
 && UV_COMPILE_BYTECODE=1 uv pip install --no-cache --python /opt/venv/bin/python --require-hashes -r /requirements/serve.lock

FROM build AS build-training
COPY requirements/run.lock /requirements/run.lock
RUN UV_COMPILE_BYTECODE=1 uv pip install --no-cache --python /opt/venv/bin/python --require-hashes -r /requirements/run.lock

FROM build AS build-journeys
COPY requirements/journeys.lock /requirements/journeys.lock
RUN UV_COMPILE_BYTECODE=1 uv pip install --no-cache --python /opt/venv/bin/python --require-hashes -r /requirements/journeys.lock

FROM base AS journeys
COPY --from=build-journeys /opt/venv /opt/venv
COPY gardoon_client gardoon_client
COPY journeys journeys
RUN install -d -o 10001 var
USER 10001
CMD ["python", "-m", "journeys", "run", "--events", "var/events.ndjson"]

FROM base AS training
COPY --from=build-training /opt/venv /opt/venv
COPY features features
COPY models models
COPY training training
COPY feature_repo feature_repo
RUN install -d -o 10001 var
USER 10001
CMD ["python", "-m", "training", "--help"]

FROM base AS service
COPY --from=build /opt/venv /opt/venv
COPY features features
COPY models models
COPY service service
COPY feature_repo feature_repo
RUN install -d -o 10001 var
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["python", "-m", "service", "serve", "--host", "0.0.0.0", "--workers", "2"]
