# Serves a registered detector; docs/operator.md, "In a container", says how. Scoring only: no pipeline, no training.
FROM python:3.11-slim

# PyTorch for processors without a GPU is a fifth of the size of the one on PyPI.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PYTHONUNBUFFERED=1 \
    MLFLOW_DISABLE_TELEMETRY=true

WORKDIR /opt/stridor
COPY requirements.lock pyproject.toml README.md LICENSE ./
COPY src src
# The versions that are tested together, as far as scoring needs them.
RUN pip install --extra-index-url "$TORCH_INDEX" --constraint requirements.lock .

# The folder of a downloaded model, or an address such as models:/stridor-valve@champion with MLFLOW_TRACKING_URI.
ENV STRIDOR_MODEL=/model \
    PORT=8080
EXPOSE 8080
# Neither a home nor a name is needed.
USER 10001:10001
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD python -c "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/ping', timeout=4)"
CMD ["sh", "-c", "exec mlflow models serve -m \"$STRIDOR_MODEL\" --env-manager local -h 0.0.0.0 -p \"$PORT\""]
