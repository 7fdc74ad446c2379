# erclab: the commands of the README. `make` alone lists them.

PYTHON ?= python3
# Where the environment lies; may be set from outside (.ci/run does), empty means the default.
VENV := $(or $(ERCLAB_VENV),.venv)
export ERCLAB_VENV := $(VENV)
RUN := "$(VENV)/bin/python" -m

# Tests write nothing into the checkout but build/: no pytest cache, figures and runs of notebooks elsewhere. The
# runs are new each time, or a change that breaks training would be hidden by a record from before. One thread per
# process: two test processes with two threads each wait for one another and take eight times as long.
TEST_VARIABLES := TQDM_DISABLE=1 OMP_NUM_THREADS=1 \
	ERCLAB_FIGURES="$(CURDIR)/build/test/figures" ERCLAB_RUNS="$(CURDIR)/build/test/runs"

STUDY_OPTIONS = $(if $(PROFILE),--profile "$(PROFILE)") $(if $(CORPUS),--corpus "$(CORPUS)") \
	$(if $(DATA),--data "$(DATA)")

.DEFAULT_GOAL := help
.PHONY: help env study test lab clean

help:  ## List these commands
	@echo "erclab: multimodal emotion recognition in conversations, reproduced"
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' Makefile
	@echo "Variables of study: NN=\"01 02\" (notebooks), PROFILE=full, CORPUS=name, DATA=folder"
	@echo "Variables of all:   PYTHON=python3.11 (makes the environment), ERCLAB_VENV=folder (holds it)"

env:  ## Make the environment in .venv from requirements.lock (does nothing if it is up to date)
	@"$(PYTHON)" tools/environment.py
	@echo "Environment ready: $(VENV) (activate: . $(VENV)/bin/activate)"

# The command ends with where to look: it knows, make does not.
study: env  ## Run the notebooks of the study: all, or those of NN
	@echo "Running the study: notebooks $(or $(NN),all)"
	@$(RUN) erclab study $(NN) $(STUDY_OPTIONS)

test: env  ## Run the unit tests, then every notebook against its committed outputs
	@rm -rf build/test && mkdir -p build/test/figures build/test/runs
	@echo "[1/2] Unit tests (tests/)"
	@$(TEST_VARIABLES) $(RUN) pytest -p no:cacheprovider -n 2 --dist loadfile tests/
	@echo "[2/2] Notebooks against their committed outputs (notebooks/)"
	@$(TEST_VARIABLES) $(RUN) pytest -p no:cacheprovider -n 2 --dist loadfile --nbval --nbval-current-env notebooks/
	@echo "All tests passed; what the notebooks drew is in build/test/figures/"

lab: env  ## Open the notebooks in JupyterLab
	@echo "Starting JupyterLab on notebooks/ (stop with Ctrl-C)"
	@$(RUN) jupyterlab --notebook-dir notebooks $(if $(filter 0,$(shell id -u)),--allow-root)
	@echo "JupyterLab ended; your changes are in notebooks/"

clean:  ## Remove build/ (logs and what tests wrote; the environment stays)
	@rm -rf build
	@echo "Removed build/; to remove the environment too: rm -rf $(VENV)"
