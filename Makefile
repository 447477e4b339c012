# make course     run every notebook and print the table of systems
# make lab        open the course in JupyterLab
# make exercises  write the learner's copies from exercises/solutions
# make test       unit tests, notebooks, exercises, packaging
# make clean      remove what the above made

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

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
	$(BIN)/python -m pytest --nbval --nbval-cell-timeout=600 notebooks exercises/solutions exercises/capstone

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[test]"
	touch $@

clean:
	rm -rf $(VENV) build dist
