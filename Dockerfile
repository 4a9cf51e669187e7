# Two images from one build: `docker build --target operator .` and `docker build --target services .`.
# What they hold is said once, in scripts/cluster/images.ts, which writes the same images without Docker.

FROM node:24-bookworm-slim AS build
# The pinned Node links libatomic, which slim images lack.
RUN apt-get update && apt-get install -y --no-install-recommends libatomic1 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN npm ci && node_modules/.bin/node scripts/cluster/images.ts --folders /image && cp node_modules/node-linux-*/bin/node /usr/local/bin/node26

FROM debian:bookworm-slim AS base
RUN apt-get update && apt-get install -y --no-install-recommends libatomic1 libstdc++6 && rm -rf /var/lib/apt/lists/*
COPY --from=build /usr/local/bin/node26 /usr/local/bin/node
WORKDIR /app
ENV NODE_ENV=production HOME=/tmp
USER 65532:65532

FROM base AS operator
COPY --from=build /image/operator /
ENTRYPOINT ["/usr/local/bin/node", "/app/operator/src/main.js"]

FROM base AS services
COPY --from=build /image/services /
# The container's argument names the service.
ENTRYPOINT ["/usr/local/bin/node", "/app/launch.js"]
