# Aura for production: compiled JavaScript and its production dependencies, no embedded PostgreSQL, not root.
#   docker build -t aura .
#   docker run -p 3000:3000 -e AURA_DB_URI=postgresql://... -e AURA_JWT_SECRET=... -e AURA_DB_ANON_ROLE=anon aura

FROM node:24-slim AS build
WORKDIR /aura
COPY package.json package-lock.json ./
# no install scripts and no embedded server; what the compiler needs comes as a platform package
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY server server
RUN npm run build

FROM node:24-slim AS dependencies
WORKDIR /aura
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /aura
COPY package.json LICENSE ./
COPY bin bin
COPY sql sql
COPY policies policies
COPY --from=dependencies /aura/node_modules node_modules
COPY --from=build /aura/dist dist
# the image's own unprivileged account; everything above stays root's and is only read
USER node
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.AURA_SERVER_PORT || 3000}/health`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "bin/aura.mjs"]
CMD ["start"]
