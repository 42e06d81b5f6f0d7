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

# The whole tree, for the workspaces must stay links: Node runs no TypeScript that lies in node_modules.
FROM ${BASE_IMAGE}
ENV NODE_ENV=production
WORKDIR /app
COPY --from=packages /app/ ./
COPY . .
# By number, so that Kubernetes can see that it is not root.
USER 1000:1000
# 8080: the API of ingress and callback; 9464: /livez, /readyz and /metrics.
EXPOSE 8080 9464
ENTRYPOINT ["node", "--import", "@pressferry/runtime/telemetry"]
CMD ["packages/cli/src/main.ts", "--help"]
