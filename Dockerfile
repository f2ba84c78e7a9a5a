# One image for a node alone and for a member of a cluster: every setting is a RINGKV_ variable.
#   docker build -t ringkv .
# A member of a cluster needs RINGKV_ANNOUNCE_HOST, the name or address by which the others reach it (compose.yaml shows one).
#   docker run -p 6379:6379 -e RINGKV_REQUIREPASS=... -v ringkv-data:/data ringkv

FROM node:20-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY server server
COPY cluster cluster
COPY storage storage
COPY bench bench
COPY compat-tests/harness compat-tests/harness
RUN npm run build && npm prune --omit=dev --no-audit --no-fund

FROM node:20-bookworm-slim
ENV NODE_ENV=production \
    RINGKV_HOST=0.0.0.0 \
    RINGKV_PORT=6379 \
    RINGKV_BUS_PORT=16379 \
    RINGKV_DIR=/data
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
# /data belongs to the user the node runs as, also when a named volume is mounted there.
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 6379 16379
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["node", "dist/server/main.js", "health"]
# node handles SIGTERM itself: connections are drained and the store is closed.
ENTRYPOINT ["node", "dist/server/main.js"]
CMD ["server"]
