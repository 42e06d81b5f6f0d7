# One image for every service and the `pressferry` command; the container's command says which.
# The base brings Node 24 and npm; any image with both will do.
ARG BASE_IMAGE=node:24-bookworm-slim

# The manifests alone, whatever the workspaces are called: while they do not change, the packages below are not installed again.
FROM ${BASE_IMAGE} AS manifests
WORKDIR /source
COPY . .
RUN mkdir /manifests \
 && find . -name package.json -not -path '*/node_modules/*' -exec cp --parents -t /manifests {} + \
 && cp package-lock.json /manifests/

# No development dependencies, no install scripts, and no optional packages, which are the embedded Postgres of `pressferry up`.
FROM ${BASE_IMAGE} AS packages
WORKDIR /app
COPY --from=manifests /manifests/ ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

# The whole tree, because the workspaces must stay links: Node runs no TypeScript that lies in node_modules.
FROM ${BASE_IMAGE}
ENV NODE_ENV=production
WORKDIR /app
COPY --from=packages /app/ ./
COPY . .
# What Node strips and compiles is kept in the image: a container starts in a third of the time, on a read-only root too. A service
# that is started without its configuration loads all of its code and ends with 78.
ENV NODE_COMPILE_CACHE=/app/.compile-cache
RUN node packages/cli/src/main.ts --help >/dev/null \
 && for service in ingress enricher callback; do \
      node --import @pressferry/runtime/telemetry services/$service/src/main.ts 2>/dev/null || [ $? = 78 ] || exit 1; \
    done
# By number, so Kubernetes can see that it is not root.
USER 1000:1000
# 8080: the API of ingress and callback; 9464: /livez, /readyz and /metrics.
EXPOSE 8080 9464
ENTRYPOINT ["node", "--max-semi-space-size=8", "--no-allocation-site-pretenuring", "--import", "@pressferry/runtime/telemetry"]
CMD ["packages/cli/src/main.ts", "--help"]
