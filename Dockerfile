# tollgate in an image of its own: the program, the roots of trust for https
# upstreams, and nothing else; no shell, no package manager.
#
#   docker build --build-arg VERSION=v1.2.3 -t tollgate .
#   docker run -p 8080:8080 -v tollgate:/data --stop-timeout 40 tollgate
#
# The first run makes a user and prints the password: docker logs. With a
# configuration of one's own: -v ./config.yaml:/config.yaml:ro, which both the
# gateway and its health check read.

FROM golang:1.26 AS build
WORKDIR /src

# Where the root of the image is put together, and what becomes /data.
ARG IMAGE=/image
ARG STATE=/state

COPY go.mod go.sum ./
RUN go mod download

COPY . .
# Empty = the version that the Go tool finds in the repository. From a git
# worktree, where it finds none, build with --build-arg GOFLAGS=-buildvcs=false.
ARG VERSION=
ARG GOFLAGS=
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o "${IMAGE}/tollgate" ./cmd/tollgate
RUN mkdir -p "${IMAGE}/etc/ssl/certs" "${IMAGE}/tmp" "${STATE}" \
 && chmod 1777 "${IMAGE}/tmp" \
 && cp -L /etc/ssl/certs/ca-certificates.crt "${IMAGE}/etc/ssl/certs/" \
 && echo 'tollgate:x:65532:65532:tollgate:/data:/sbin/nologin' > "${IMAGE}/etc/passwd" \
 && echo 'tollgate:x:65532:' > "${IMAGE}/etc/group"

FROM scratch
ARG VERSION=
LABEL org.opencontainers.image.title="tollgate" \
      org.opencontainers.image.description="HTTP reverse proxy that issues and enforces access tokens" \
      org.opencontainers.image.version="${VERSION}"

COPY --from=build /image/ /
COPY --from=build --chown=65532:65532 /state/ /data/

# The internal listener is for the health check and stays inside. To scrape
# metrics, set TOLLGATE_INTERNAL_LISTEN=0.0.0.0:8081 and do not publish the port:
# it serves profiles, too.
ENV TOLLGATE_LISTEN=0.0.0.0:8080 \
    TOLLGATE_INTERNAL_LISTEN=127.0.0.1:8081 \
    TOLLGATE_DATA_DIR=/data

# A number and no name, so that Kubernetes can tell that it is not root.
USER 65532:65532
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s --retries=3 CMD ["/tollgate", "healthcheck"]
ENTRYPOINT ["/tollgate"]
CMD ["serve"]
