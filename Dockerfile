# One image for every service and the `pressferry` command; the container's command says which.
# The first base builds: any image with Node 24 and npm. The second runs: any image with glibc and libstdc++. It needs no shell and no package manager.
ARG BASE_IMAGE=node:24-bookworm-slim
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian12

# The manifests alone, whatever the workspaces are called: while they do not change, the packages below are not installed again.
FROM ${BASE_IMAGE} AS manifests
WORKDIR /source
COPY . .
RUN mkdir /manifests \
 && find . -name package.json -not -path '*/node_modules/*' -exec cp --parents -t /manifests {} + \
 && cp package-lock.json /manifests/

# No development dependencies, no install scripts, and no optional packages, which are the embedded Postgres of `pressferry up`. Types, source maps and
# sources of packages are read by no program.
FROM ${BASE_IMAGE} AS packages
WORKDIR /app
COPY --from=manifests /manifests/ ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund \
 && npm sbom --omit=dev --omit=optional --sbom-format=cyclonedx --package-lock-only > sbom.cdx.json \
 && find node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.md' -o -name '*.tsbuildinfo' \) -delete \
 && find node_modules -type d \( -name test -o -name tests -o -name __tests__ -o -name docs -o -name esnext -o -name .github \) -prune -exec rm -rf {} +

# The whole tree, because the workspaces must stay links: Node runs no TypeScript that lies in node_modules.
FROM ${BASE_IMAGE} AS app
ENV NODE_ENV=production
WORKDIR /app
COPY --from=packages /app/ ./
COPY . .
# Node keeps here what it strips and compiles: a container starts in a third of the time, on a read-only root too. The folder is bound to the user
# who writes it. A service that is started without its configuration loads all of its code and ends with 78.
ENV NODE_COMPILE_CACHE=/app/.compile-cache
RUN mkdir .compile-cache && chown 1000:1000 .compile-cache
USER 1000:1000
RUN node packages/admin/src/main.ts --help >/dev/null \
 && for service in ingress enricher callback; do \
      node --import @pressferry/runtime/telemetry services/$service/src/main.ts 2>/dev/null || [ $? = 78 ] || exit 1; \
    done

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
