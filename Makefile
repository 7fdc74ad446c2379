# erclab: the commands of the README. `make` alone lists them.

PYTHON ?= python3
# Where the environment lies; may be set from outside (.ci/run does), empty means the default.
VENV := $(or $(ERCLAB_VENV),.venv)
export ERCLAB_VENV := $(VENV)
RUN := "$(VENV)/bin/python" -m

# Tests write nothing into the checkout but build/ and bytecode, which git ignores: no pytest cache, figures and runs of
# notebooks elsewhere. Bytecode is kept also where the environment forbids it: else dozens of processes compile erclab,
# and each test process compiles all tests, five seconds. The runs are new each time, or a change that breaks training
# would be hidden by a record from before. One thread per process: two test processes with two threads each wait for one
# another and take eight times as long. A third process uses the cores while another one waits for what it has started,
# or for a run that another notebook trains; plugins that a process does not need stay away.
variables = TQDM_DISABLE=1 OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= \
	ERCLAB_FIGURES="$(CURDIR)/build/$(1)/figures" ERCLAB_RUNS="$(CURDIR)/build/$(1)/runs"

STUDY_OPTIONS = $(if $(filter-out full,$(PROFILE)),--profile "$(PROFILE)") $(if $(CORPUS),--corpus "$(CORPUS)") \
	$(if $(DATA),--data "$(DATA)")

# The notebooks that read what the study has measured and train nothing. PROFILE=full of `make study` is the study as it
# stands in the repository; the recipes of that name train at the authors' scale (`erclab study --profile full`).
OF_RECORDS := 30 31 32 $(patsubst notebooks/%,%,$(firstword $(subst _, ,$(wildcard notebooks/33_*.ipynb))))

# Solutions that `make test` compares, too: they train nothing and take seconds.
QUICK_SOLUTIONS := 32_printed_numbers.ipynb

.DEFAULT_GOAL := help
.PHONY: help env study check test test-solutions test-browser gpu lab book slides clean

# What `make check` tests: the order of the house, packaging and README, core, ops, recipes, the interface of models,
# outputs equal to the authors' (SDT, MulT, DialogueRNN), and one contract for each model.
QUICK := test_architecture.py test_packaging.py test_published.py test_readme.py core ops training/test_recipes.py \
	models/test_interface.py models/sdt/test_sdt_golden.py models/test_mult.py models/test_dialoguernn.py \
	contracts/test_contracts.py

help:  ## List these commands
	@echo "erclab: multimodal emotion recognition in conversations, reproduced"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' Makefile
	@echo "Variables of study: NN=\"01 02\" (notebooks), CORPUS=name, DATA=folder"
	@echo "  PROFILE=full      all tables, figures and verdicts again from the committed records, without training, and"
	@echo "                    the notebooks that read them (minutes); training at the authors' scale takes days on a"
	@echo "                    CPU and is asked for by name: erclab study --profile full"
	@echo "Variables of gpu:   DEVICE=cpu, OUT=folder, PARTS=\"tests sdt bert bench speed cpu\", CORPUS, DATA, WORDS=folder"
	@echo "Variables of all:   PYTHON=python3.11 (makes the environment), ERCLAB_VENV=folder (holds it)"

env:  ## Make the environment in .venv from requirements.lock (does nothing if it is up to date)
	@"$(PYTHON)" tools/environment.py
	@echo "Environment ready: $(VENV) (activate: . $(VENV)/bin/activate)"

# The command ends with where to look: it knows, make does not.
study: env  ## Run the notebooks of the study: all, or those of NN
ifeq ($(PROFILE),full)
	@echo "[1/2] Tables, figures and verdicts from the committed records, compared with those in data/results"
	@$(RUN) erclab rebuild --check
	@echo "[2/2] Notebooks that read the study's records: $(or $(NN),$(OF_RECORDS))"
	@$(RUN) erclab study $(or $(NN),$(OF_RECORDS)) $(STUDY_OPTIONS)
else
	@echo "Running the study: notebooks $(or $(NN),all)"
	@$(RUN) erclab study $(NN) $(STUDY_OPTIONS)
endif

check: env  ## Lint, check types and run the quick tests
	@echo "[1/3] Linter (ruff)"
	@$(RUN) ruff check
	@echo "[2/3] Types (mypy)"
	@$(RUN) mypy
	@echo "[3/3] Quick tests"
	@mkdir -p build/check/figures build/check/runs
	@$(call variables,check) $(RUN) pytest -q -p no:cacheprovider -p no:nbval -n 2 --dist loadfile --durations=15 -m "not slow" \
		-k "not keeps_contract or padding_invariance" $(addprefix tests/,$(QUICK))

test: env  ## Run the unit tests, then every notebook against its committed outputs
	@rm -rf build/test && mkdir -p build/test/figures build/test/runs
	@echo "[1/2] Unit tests (tests/)"
	@$(call variables,test) $(RUN) pytest -p no:cacheprovider -p no:nbval -n 3 --dist loadfile --no-loadscope-reorder \
		--durations=15 tests/
	@echo "[2/2] Notebooks against their committed outputs (notebooks/)"
	@$(call variables,test) $(RUN) pytest -p no:cacheprovider -n 3 --dist loadfile --no-loadscope-reorder --nbval \
		--nbval-current-env $(wildcard notebooks/*.ipynb) $(addprefix notebooks/solutions/,$(QUICK_SOLUTIONS))
	@echo "All tests passed; what the notebooks drew is in build/test/figures/"

# Trainings of exercises: minutes. The runs of `make test` are there already.
test-solutions: env  ## Test the solutions of all exercises, and that each exercise runs in its notebook
	@mkdir -p build/test/figures build/test/runs
	@echo "[1/2] Solutions against their committed outputs (notebooks/solutions/)"
	@$(call variables,test) $(RUN) pytest -p no:cacheprovider -n 2 --dist loadfile --nbval --nbval-current-env \
		notebooks/solutions/
	@echo "[2/2] Each notebook with its exercises"
	@$(call variables,test) $(RUN) pytest -p no:cacheprovider -p no:nbval -n 2 -m long tests/notebooks
	@echo "All solutions hold"

# Not `env`: a lent machine has PyTorch with CUDA of its own and reaches no network. Limits and results: tools/gpu.sh.
gpu:  ## Test, train and measure on a GPU in one call (DEVICE=cpu: the same in small)
	@PYTHON="$(if $(wildcard $(VENV)/bin/python),$(VENV)/bin/python,$(PYTHON))" bash tools/gpu.sh

# Playwright is 170 MB and drives the Chromium that is on the PATH, so it is no part of the environment.
test-browser: env  ## Test the course in JupyterLab with a browser (needs Chromium; fetches Playwright)
	@[ build/browser/playwright -nt requirements-browser.lock ] || { echo "Fetching Playwright into build/browser" && \
		$(RUN) pip install -q --no-deps --upgrade --target build/browser -r requirements-browser.lock && \
		touch build/browser/playwright; }
	@$(call variables,test) $(RUN) pytest -p no:cacheprovider -p no:nbval -x --durations=5 tests/browser

# tools/lab has JupyterLab's defaults for this course: Markdown is shown, not edited, and nothing asks about news. What
# a student has chosen in the settings comes before them. With the PATH, `!erclab ...` works in a cell and in a terminal.
lab: env  ## Open the course in JupyterLab
	@echo "Starting JupyterLab at the syllabus, notebooks/README.md (stop with Ctrl-C)"
	@PATH="$(abspath $(VENV))/bin:$$PATH" \
		JUPYTER_CONFIG_PATH="$(CURDIR)/tools/lab$${JUPYTER_CONFIG_PATH:+:$$JUPYTER_CONFIG_PATH}" $(RUN) jupyterlab \
		--notebook-dir . --LabApp.default_url=/lab/tree/notebooks/README.md \
		$(if $(filter 0,$(shell id -u)),--allow-root) $(LAB)
	@echo "JupyterLab ended; your changes are in notebooks/"

# Both end with where to look, and execute nothing: they show the committed outputs.
book: env  ## Make a static site of the notebooks in build/book
	@echo "Making the book from the committed notebooks"
	@"$(VENV)/bin/python" tools/pages/book.py build/book

slides: env  ## Make three slide decks from the notebooks in build/slides
	@echo "Making the slides that notebooks/slides.toml declares"
	@"$(VENV)/bin/python" tools/pages/slides.py build/slides

clean:  ## Remove build/ (logs and what tests wrote; the environment stays)
	@rm -rf build
	@echo "Removed build/; to remove the environment too: rm -rf $(VENV)"
