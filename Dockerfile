# One image for every service and the `pressferry` command; the container's command says which.
# The first base builds: any image with Node 24 and npm. The second runs: any image with glibc and libstdc++. It needs no shell and no package manager.
ARG BASE_IMAGE=node:24-bookworm-slim
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian12

FROM ${BASE_IMAGE} AS source
WORKDIR /source
COPY . .

# What runs in production, by the dependencies that the workspaces declare: no simulator, no embedded servers, nothing of tests.
FROM source AS selected
RUN node scripts/images/select.ts /selected

# The manifests alone: while they do not change, the packages are not installed again. No install scripts, and no optional packages. Types,
# source maps and sources of packages are read by no program.
FROM ${BASE_IMAGE} AS packages
WORKDIR /app
COPY --from=selected /selected/manifests/ ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund \
 && npm sbom --omit=dev --omit=optional --sbom-format=cyclonedx > sbom.cdx.json \
 && find node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.md' -o -name '*.tsbuildinfo' \) -delete \
 && find node_modules -type d \( -name test -o -name tests -o -name __tests__ -o -name docs -o -name esnext -o -name .github \) -prune -exec rm -rf {} +

# Next to node_modules, because the workspaces must stay links: Node runs no TypeScript that lies in node_modules.
FROM ${BASE_IMAGE} AS app
ENV NODE_ENV=production
WORKDIR /app
COPY --from=packages /app/ ./
COPY --from=selected /selected/app/ ./
# Node keeps here what it strips and compiles: a container starts in a third of the time, on a read-only root too. The folder is bound to the user
# who writes it. A service that is started without its configuration loads all of its code and ends with 78.
ENV NODE_COMPILE_CACHE=/app/.compile-cache
RUN mkdir .compile-cache && chown 1000:1000 .compile-cache
USER 1000:1000
RUN node packages/admin/src/main.ts --help >/dev/null \
 && for service in ingress enricher callback; do \
      node --import @pressferry/runtime/telemetry services/$service/src/main.ts 2>/dev/null || [ $? = 78 ] || exit 1; \
    done

# The simulated vendors of compose.yaml, `--target simulator`: never a part of the image of production.
FROM source AS simulator-selected
RUN node scripts/images/select.ts /selected packages/vendor-simulator

FROM ${BASE_IMAGE} AS simulator
ENV NODE_ENV=production
WORKDIR /app
COPY --from=simulator-selected /selected/manifests/ ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund
COPY --from=simulator-selected /selected/app/ ./
USER 1000:1000
EXPOSE 8090
ENTRYPOINT ["node"]
CMD ["packages/vendor-simulator/src/main.ts", "--host", "0.0.0.0", "--port", "8090"]

# The last stage is what `docker build .` makes.
FROM ${RUNTIME_IMAGE}
ARG VERSION=0.0.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="Pressferry" \
      org.opencontainers.image.description="Carries events from fleets of WordPress sites to AI and CRM automations, and carries the results back." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
ENV NODE_ENV=production NODE_COMPILE_CACHE=/app/.compile-cache PRESSFERRY_REVISION=${REVISION}
WORKDIR /app
COPY --from=app /usr/local/bin/node /usr/local/bin/node
COPY --from=app /app /app
# By number: Kubernetes sees that it is not root.
USER 1000:1000
# 8080: the API of ingress and callback; 9464: /livez, /readyz and /metrics.
EXPOSE 8080 9464
ENTRYPOINT ["/usr/local/bin/node", "--max-semi-space-size=8", "--no-allocation-site-pretenuring", "--import", "@pressferry/runtime/telemetry"]
CMD ["packages/admin/src/main.ts", "--help"]
