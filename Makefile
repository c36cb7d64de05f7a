# What there is to do here; `make help` lists it.

GO      ?= go
TARGETS  = linux/arm/6 linux/arm64/ linux/amd64/
STATIC   = $(GO) tool -modfile=tools/go.mod staticcheck

.DEFAULT_GOAL := all
.PHONY: all help build test race fuzz e2e lint golangci generate page pictures nodered sim demo cross bench tools release packages clean machine

all: lint race cross ## check everything that a change must pass

help: ## list what make can do
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/fieldmq for this machine
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/fieldmq ./cmd/fieldmq

demo: ## run the gateway on simulated devices
	$(GO) run ./cmd/fieldmq demo

# One package at a time: simulated lines keep the time of real ones, which a small
# machine cannot do for several at once.
test: tools ## run all tests
	$(GO) build ./...
	$(GO) test -p 1 ./...

race: tools ## run all tests under the race detector
	$(GO) build -race ./...
	$(GO) test -p 1 -race ./...

e2e: tools ## run the tests of the binary with clients and servers that others wrote
	$(GO) test -count=1 -v ./cmd/fieldmq

machine: ## test GPIO and serial ports on a real kernel, in a virtual machine (fetches Debian's kernel once)
	./.ci/machine

fuzz: ## fuzz every target for FUZZTIME (20s) each
	./.ci/fuzz $(or $(FUZZTIME),20s)

lint: ## vet, staticcheck, formatting
	@test -z "$$(gofmt -l .)" || { echo "not formatted:"; gofmt -l .; exit 1; }
	$(GO) vet ./...
	$(STATIC) ./...

golangci: ## all linters of .golangci.yml (builds golangci-lint first, which takes minutes)
	$(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run

generate: ## write configs/schema.json and configs/REFERENCE.md from the structs
	$(GO) run ./cmd/gendocs

page: ## build the web page, web/dist, from its sources
	@./.ci/tools node:nodejs npm:npm
	./web/build

pictures: tools ## take the pictures of the page that docs/ shows
	mkdir -p bin/pictures
	PAGE_SHOTS=$(CURDIR)/bin/pictures $(GO) test -count=1 -run TestPageShows ./cmd/fieldmq
	cp bin/pictures/{devices,device,buses,config,upstreams-drain}.png docs/pictures

nodered: ## run the example for Node-RED in it (npm fetches it, which takes a minute or two)
	./.ci/nodered

sim: ## run the simulated devices alone
	$(GO) run ./firmware-sim

cross: ## build for every kind of box, without cgo
	@for t in $(TARGETS); do \
	  IFS=/ read -r os arch arm <<< "$$t"; echo "build $$os/$$arch $$arm"; \
	  CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch GOARM=$$arm $(GO) build -trimpath -o bin/fieldmq-$$os-$$arch ./cmd/fieldmq || exit 1; \
	done

bench: tools ## measure from a register's change to its topic
	$(GO) run ./bench/latency

tools: ## install the Debian packages that the tests drive, where they are missing
	@./.ci/tools

release: ## build packages, archives, an image, checksums into dist
	./packaging/build

packages: ## install, upgrade and remove the packages in Debian systems (root; takes minutes)
	./packaging/test

clean: ## remove what was built
	rm -rf bin dist

SHELL := /bin/bash
# Debian's mosquitto stands where the PATH of people who are not root does not lead.
export PATH := $(PATH):/usr/sbin
