# What people run. Every target sets up .venv in this checkout when needed; nothing is installed anywhere else.
# PYTHON=/path/to/python3 chooses the interpreter (3.11 or newer; without it the newest one found is taken).

.PHONY: help demo test test-slow compiled test-compiled check bench fuzz flood tour conformance endo soak storm install-shell format clean core dev

help:
	@echo "make demo         the main job, with real processes: machines, bindings, crash, revocation"
	@echo "make test         the tests (TESTS='tests/vat -k order' for some of them)"
	@echo "make test-slow    boot virtual machines for real: minutes, and QEMU"
	@echo "make test-compiled  the tests of what is compiled, on a compiled build (make compiled only makes it, in .venv-compiled)"
	@echo "make check        ruff, mypy --strict, layers, public names, budgets"
	@echo "make tour         run every code block of README.md and docs/"
	@echo "make bench        measure against baselines of the same run (ONLY=ask,spawn SCALE=0.1 REPS=3 JSON=file)"
	@echo "make fuzz         hostile bytes for whatever reads any (N=100000 SEED=1 ONLY=session,toml ENGINE=structured|coverage)"
	@echo "make flood        a node among N connections that never prove a key (N=10000), and how its peers fare"
	@echo "make conformance  the public OCapN suite: OCAPN_SUITE=directory make conformance (DIALECT=ocapn-1.0 FRESH=no VERBOSE=yes)"
	@echo "make endo         talk to Endo's OCapN implementation: OCAPN_ENDO=checkout make endo"
	@echo "make soak         a million references leave nothing behind (N=1000000 KIND=unix SEED=1)"
	@echo "make storm        kill a dataspace's parties at random moments, and see that nothing of them is left (N=1000 SEED=1)"
	@echo "make install-shell  put the Syndicate client for bash into PREFIX/share/remit (PREFIX=/usr/local)"
	@echo "make format       let ruff format the code and mend what it can"
	@echo "make clean        remove .venv and caches"

# An interpreter given on the command line or in the environment reaches tools/setup; an empty one does not.
ifneq ($(PYTHON),)
export PYTHON
else
unexport PYTHON
endif
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

TESTS ?= tests
# All of them: files side by side, which takes half as long. Some of them: one after the other, as one wants to see them fail.
ABREAST = $(if $(filter-out tests,$(TESTS)),,-n 3 --dist loadfile --basetemp $$(mktemp -d -t remit-tests.XXXXXX))
COMPILED_TESTS = $(if $(filter-out tests,$(TESTS)),$(TESTS),$(addprefix tests/,values vat captp lib durable net dataspace house/test_compiled.py house/test_startup.py))
BENCH = $(if $(ONLY),--only "$(ONLY)") $(if $(SCALE),--scale $(SCALE)) $(if $(REPS),--reps $(REPS)) $(if $(JSON),--json "$(JSON)")

core:
	@tools/setup core

dev:
	@tools/setup dev

demo: core
	@.venv/bin/python examples/demo.py

test: dev
	@.venv/bin/python -m pytest $(ABREAST) $(TESTS)

compiled:
	@tools/setup compiled

test-slow: dev
	@tools/servers slow || true
	@REMIT_TEST_BOOT=1 .venv/bin/python -m pytest -s -o faulthandler_timeout=2300 -m boots $(TESTS)

test-compiled: compiled
	@REMIT_TEST_LOOP=uvloop .venv-compiled/bin/python -m pytest $(ABREAST) $(COMPILED_TESTS)

check: dev
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy
	@.venv/bin/python -m pytest -q tests/house
	@.venv/bin/python -m tests.house

tour: dev
	@.venv/bin/python tools/tour.py $(PAGES)

bench: dev
	@.venv/bin/python -m bench $(BENCH)

fuzz:
	@tools/setup fuzz
	@.venv/bin/python -m fuzz --inputs $(or $(N),100000) --seed $(or $(SEED),1) $(if $(ONLY),--only "$(ONLY)") $(if $(ENGINE),--engine $(ENGINE))

flood: dev
	@.venv/bin/python tools/flood.py --connections $(or $(N),10000)

conformance:
	@tools/setup conformance
	@OCAPN_SUITE="$(OCAPN_SUITE)" DIALECT="$(DIALECT)" FRESH="$(FRESH)" VERBOSE="$(VERBOSE)" .venv/bin/python tools/conformance.py

endo: dev
	@OCAPN_ENDO="$(OCAPN_ENDO)" .venv/bin/python tools/endo.py

soak: core
	@.venv/bin/python tools/soak.py $(or $(N),1000000) --kind $(or $(KIND),unix) --seed $(or $(SEED),1)

storm: core
	@.venv/bin/python -m storm $(or $(N),1000) --seed $(or $(SEED),1)

PREFIX ?= /usr/local

install-shell:
	@install -d "$(DESTDIR)$(PREFIX)/share/remit"
	@install -m 644 shell/syndicate.sh "$(DESTDIR)$(PREFIX)/share/remit/syndicate.sh"
	@echo "source it with: . \"$(PREFIX)/share/remit/syndicate.sh\""

format: dev
	@.venv/bin/ruff check --fix
	@.venv/bin/ruff format

clean:
	rm -rf .venv .venv-compiled .mypy_cache .ruff_cache .pytest_cache .hypothesis .bench .fuzz dist build
	find src tests examples bench fuzz storm tools -name __pycache__ -type d -exec rm -rf {} + 2>/dev/null || true
