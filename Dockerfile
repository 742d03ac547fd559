# The worker, as docker-compose.yml runs it. The pins carry hashes, so the image holds what was tested.
FROM python:3.13.9-slim-bookworm

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

WORKDIR /app

COPY requirements.txt .
RUN pip install --no-cache-dir --disable-pip-version-check --only-binary :all: --require-hashes -r requirements.txt

COPY . .

# No root, and no place to write to: what a worker must keep is in PostgreSQL and in Temporal.
# But for the folder of bank statements, which a volume takes its owner from.
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin perennial && \
    mkdir /statements && chown perennial /statements
USER perennial

CMD ["python", "worker.py"]
