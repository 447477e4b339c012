# make course     run every notebook and print the table of systems
# make lab        open the course in JupyterLab
# make exercises  write the learner's copies from exercises/solutions
# make test       unit tests, notebooks, exercises, packaging
# make clean      remove what the above made

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Long enough for a machine that is busy with something else; a cell takes minutes on a free one.
PATIENCE := --nbval-cell-timeout=7200 --nbval-kernel-startup-timeout=600

.PHONY: course lab exercises test clean

course: $(READY)
	$(BIN)/python notebooks/run_course.py

lab: $(READY)
	$(BIN)/jupyter lab notebooks

exercises: $(READY)
	$(BIN)/python exercises/make.py

test: $(READY)
	$(BIN)/ruff check .
	$(BIN)/python -m pytest tests
	$(BIN)/python -m pytest --nbval $(PATIENCE) notebooks exercises/solutions exercises/capstone

# Where Python lacks a part (python3-venv on Ubuntu), .venv is left without pip: it is made anew.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo 'Python 3.10 or newer is needed; if it has another name here: make course PYTHON=python3.12' >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) || { \
	  echo 'Python cannot make .venv; on Debian and Ubuntu: sudo apt install python3-venv, then make again' >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[test]"
	touch $@

# The system's Python has been replaced, and .venv leads nowhere.
ifneq ($(shell $(BIN)/python -c 'print("runs")' 2>/dev/null),runs)
.PHONY: $(READY)
endif

clean:
	rm -rf $(VENV) build dist
