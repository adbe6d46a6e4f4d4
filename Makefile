# The commands of the project. The scripts in scripts/ do the work.

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
SYSCONFDIR ?= /etc
DESTDIR ?=
BUILD_PROFILE ?= release
export PREFIX LIBDIR SYSCONFDIR DESTDIR BUILD_PROFILE
# Without a value each of these folders is the usual one in PREFIX or SYSCONFDIR.
export DOCDIR MANDIR BASHCOMPDIR ZSHCOMPDIR FISHCOMPDIR UNITDIR SYSUSERSDIR TMPFILESDIR LOGROTATEDIR EXAMPLEDIR

.PHONY: help demo test test-node accept lint lab bench fuzz soak docs build install uninstall dist deb rpm source-packages test-packages image clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' Makefile

demo: ## build, then gather from a test hypervisor and a sample file
	@scripts/demo.sh

test: ## build, then run every test
	@scripts/test.sh

test-node: ## build, then test with a real Kubernetes node: kubelet, containerd, pods; only root can
	@scripts/test-node.sh

accept: ## run every test and renew the snapshots and generated documents that it compares with
	@scripts/accept.sh

lint: ## fmt, clippy, doc, deny, shellcheck; warnings are errors
	@scripts/lint.sh

lab: ## start a Kubernetes API server with NODES=1100 nodes and PODS=600 pods, for experiments
	@scripts/lab.sh

bench: ## measure the release build against its goals; PARTS=workloads PODS=100000: one part, with more pods; BESIDE=/path/to/an/older/program: compare with it
	@scripts/bench.sh $(PARTS)

fuzz: ## fuzz each parser for SECONDS=60; TARGET=infile: only this one, JOBS=1: one at a time
	@scripts/fuzz.sh "$(or $(SECONDS),60)" $(TARGET)

soak: ## repeat runs of 1,000 endpoints with failures and signals, for SECONDS=60 or MINUTES=10
	@scripts/soak.sh "$(if $(MINUTES),$(MINUTES)m,$(or $(SECONDS),60))"

docs: ## renew the generated parts of documents: schemas, tables of parameters
	@scripts/docs.sh

build: ## build for PREFIX=/usr/local, to install later without cargo
	@scripts/install.sh build

install: ## install to PREFIX=/usr/local; also DESTDIR, LIBDIR, SYSCONFDIR, DOCDIR, MANDIR, UNITDIR ...
	@scripts/install.sh install

uninstall: ## remove the installed files
	@scripts/install.sh uninstall

dist: ## make the source archive and the archive of the crates, for builds without network, in target/packages
	@scripts/dist.sh

image: ## make a container image as an archive in OCI layout, in the target folder, without a daemon; IMAGE_LIBVIRT=no: without libvirt and ssh
	@scripts/image.sh

deb: ## build the Debian packages, in target/packages
	@scripts/deb.sh

rpm: ## build the rpm packages, in target/packages
	@scripts/rpm.sh

source-packages: ## make the source packages of Debian and rpm, which need no network to build
	@scripts/deb.sh source
	@scripts/rpm.sh source

test-packages: ## install, run, upgrade and remove the packages in Debian 12 and 13, and the rpm packages in a folder, and run the services with systemd; only root can
	@scripts/try-packages.sh
	@scripts/try-services.sh

clean: ## remove all build output
	@bash -c ". scripts/lib.sh; need_toolchain; cargo clean"
