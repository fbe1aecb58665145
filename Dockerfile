# The command in a small image: `docker build -t netaudience .`, then see docs/scheduling.md.
FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY docs/jobs.md ./docs/
COPY docs/reference/command.md ./docs/reference/
COPY netaudience ./netaudience
RUN python -m venv /opt/netaudience \
    && /opt/netaudience/bin/pip install --no-cache-dir '.[cli,xlsx]'

FROM python:3.13-slim
# A user of its own, by number, so that Kubernetes can see that it is not root.
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin netaudience
COPY --from=build /opt/netaudience /opt/netaudience
ENV PATH=/opt/netaudience/bin:$PATH PYTHONUNBUFFERED=1
USER 10001
# Job files, their sources and the memory of runs are mounted here. Secrets are files that
# NETAUDIENCE_<VENDOR>_<NAME>_FILE names: nothing of them is in the image.
WORKDIR /data
ENTRYPOINT ["netaudience"]
CMD ["--help"]
