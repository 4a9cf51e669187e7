# Two images from one build: `docker build --target operator .` and `docker build --target services .`.
# The same layout as `node scripts/cluster/images.ts` writes without Docker.

FROM node:24-bookworm-slim AS build
# The pinned Node links libatomic, which slim images lack.
RUN apt-get update && apt-get install -y --no-install-recommends libatomic1 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
COPY packages packages
COPY operator operator
COPY services services
COPY cli cli
COPY scripts scripts
COPY tsconfig.json ./
RUN npm ci && npm run build
# Packages with native code stay outside of the bundles; nothing else of node_modules is needed at run time.
RUN mkdir -p /app/node_modules && cp -r dist/. /app/ && cp package.json scripts/cluster/image/launch.ts /app/ \
 && for name in @duckdb @node-rs @polyglot-sql bcrypt node-gyp-build node-addon-api; do \
      if [ -e "node_modules/$name" ]; then mkdir -p "/app/node_modules/$(dirname "$name")" && cp -r "node_modules/$name" "/app/node_modules/$name"; fi; \
    done \
 && cp node_modules/node-linux-*/bin/node /usr/local/bin/node26

FROM debian:bookworm-slim AS base
RUN apt-get update && apt-get install -y --no-install-recommends libatomic1 libstdc++6 && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 65532 --no-create-home --shell /usr/sbin/nologin hybridstore
COPY --from=build /usr/local/bin/node26 /usr/local/bin/node
WORKDIR /app
ENV NODE_ENV=production HOME=/tmp
USER 65532:65532

FROM base AS operator
COPY --from=build /app /app
ENTRYPOINT ["/usr/local/bin/node", "/app/operator/src/main.js"]

FROM base AS services
COPY --from=build /app /app
# The container's argument names the service.
ENTRYPOINT ["/usr/local/bin/node", "/app/launch.ts"]
