# One image for every service written in Python: the manifest chooses the command and the user.
# Build it with `make images`; pin BASE by digest where you publish it.
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements-build.lock requirements-image.lock ./
RUN python3 -m venv /build \
 && python3 -m venv --without-pip /opt/leviathan \
 && /build/bin/pip install --require-hashes --only-binary :all: -r requirements-build.lock \
 && /build/bin/pip --python /opt/leviathan install --no-compile --require-hashes --only-binary :all: -r requirements-image.lock
COPY . .
# Nothing can be compiled later, for nothing can be written; and no file's time has to survive the copying.
RUN /build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /build/bin/pip --python /opt/leviathan install --no-compile --no-index --no-deps /wheels/*.whl \
 && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash -x "/kubernetes/(client|e2e_test|test)/" /opt/leviathan/lib

# The base without what installs: no pip, no apt, no dpkg. Its list of packages stays, for whoever scans the image.
FROM ${BASE} AS runtime
RUN find / -xdev \( -path '*/site-packages/pip' -o -path '*/site-packages/pip-*' -o -path '*/ensurepip' -o -path '*/dist-packages/pip' \
      -o -path '*-packages/setuptools*' -o -path '*-packages/wheel*' \) -prune -exec rm -rf {} + \
 && rm -rf /usr/local/bin/pip* /usr/bin/pip* /usr/bin/apt* /usr/lib/apt /usr/libexec/apt* /var/cache/apt /var/lib/apt \
      /usr/bin/dpkg* /usr/sbin/dpkg* /usr/lib/dpkg /usr/libexec/dpkg* /usr/share/doc /usr/share/man /usr/share/locale /usr/share/python-wheels \
      /root/.cache /tmp/* /var/log/* \
 && find / -xdev -perm /6000 -type f -exec chmod a-s {} +
COPY --from=build /opt/leviathan /opt/leviathan

# Flat: what was removed is not in a layer beneath either.
FROM scratch
ARG VERSION=0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="leviathan" \
      org.opencontainers.image.description="A full-screen console for the apps and cron jobs you run on Kubernetes, and the services behind it." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=runtime / /
ENV PATH=/opt/leviathan/bin:/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PYTHONSAFEPATH=1
USER 65532:65532
WORKDIR /
CMD ["leviathan", "--help"]
