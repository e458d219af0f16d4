# One static binary on an image without a shell. Build: docker build --build-arg COMMIT=$(git rev-parse --short HEAD) -t tsunagu .
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG COMMIT
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -tags timetzdata \
    -ldflags "-s -w -X main.commit=${COMMIT}" -o /out/tsunagu ./cmd/tsunagu \
    && mkdir /out/data

# Brings the certificates LINE is trusted by and the user nonroot (65532).
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/tsunagu /tsunagu
COPY --from=build --chown=65532:65532 /out/data /data
USER nonroot
WORKDIR /data
# For SQLite; with DATABASE_URL naming a PostgreSQL server nothing is kept here.
VOLUME /data
ENV DATABASE_URL=sqlite:/data/tsunagu.db
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/tsunagu", "healthz"]
ENTRYPOINT ["/tsunagu"]
CMD ["serve"]
