#!/usr/bin/env bash
# What is tested, trained and measured on a GPU, each part with a limit of time, in order of worth, in less than ten
# minutes (`make gpu` is the same):
#
#     bash tools/gpu.sh            on a machine with a GPU and the packages of pyproject.toml
#     DEVICE=cpu bash tools/gpu.sh the same at the smallest sizes, to try this script
#
# Results go to $OUT (default build/gpu): log.txt, tests.xml, runs.json and runs.zip (SDT at official size, DialogueTRM
# fine-tuned: tools/gpu_runs.py), bench.json, speed.json, speed_cpu.json: seven files, as a lent machine returns eight.
# A part that fails does not stop the others; the status is the number of parts that failed. PARTS="tests speed" runs
# these two. CORPUS and DATA name the corpus of the trainings and its folder (default: simulated-meld), WORDS a folder
# with a saved BERT. Packages that the machine lacks are taken from wheels in .whl, if that folder exists.
set -u
cd "$(dirname "$0")/.."
OUT="${OUT:-build/gpu}"
DEVICE="${DEVICE:-cuda}"
PARTS="${PARTS-tests sdt bert bench speed cpu}"
PYTHON="${PYTHON:-python3}"
mkdir -p "$OUT"
exec > >(tee -a "$OUT/log.txt") 2>&1

export PYTHONPATH="$PWD" PYTHONUNBUFFERED=1 TQDM_DISABLE=1 ERCLAB_TEST_DEVICE="$DEVICE"
scratch="$(mktemp -d)"
export ERCLAB_RUNS="$scratch/runs" ERCLAB_FIGURES="$scratch/figures" ERCLAB_CACHE="$scratch/cache"
failed=0

part() {  # part NAME SECONDS COMMAND...: run the command if PARTS has the name, for so many seconds at most
    local name="$1" limit="$2" began=$SECONDS status=0
    shift 2
    case " $PARTS " in *" $name "*) ;; *) return 0 ;; esac
    [ "$DEVICE" != cpu ] || limit=$((3 * limit))  # the CPU may be busy with other work
    echo "== $name: at most $limit s"
    timeout -k 20 "$limit" "$@" || status=$?  # SIGTERM: the bench then writes what it has
    [ "$status" -eq 0 ] || failed=$((failed + 1))
    echo "== $name: status $status after $((SECONDS - began)) s"
}

date
if ls .whl/*.whl >/dev/null 2>&1; then
    "$PYTHON" -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --upgrade --target "$scratch/site" \
        .whl/*.whl && export PYTHONPATH="$PWD:$scratch/site"
fi
if [ "$DEVICE" != cpu ] && ! "$PYTHON" -c "import sys, torch; sys.exit(not torch.cuda.is_available())" 2>/dev/null; then
    echo "not measured on a GPU: PyTorch sees none here (DEVICE=cpu tries this script at the smallest sizes)"
    rm -rf "$scratch"
    exit 1
fi
nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader || true
"$PYTHON" -c "import torch, numpy, sys; print(sys.version.split()[0], torch.__version__, numpy.__version__)"

if [ "$DEVICE" = cpu ]; then
    tests=(-k "ops and not recurrence" -n 0) bench=(bc-lstm --steps 1 --rounds 1) epochs=(--models m2fnet --share 0.05)
    trained=(--small --seeds 2)
else
    tests=(-n 4) epochs=() trained=()
    bench=(sdt-iemocap mult-mosi dialoguernn-iemocap bc-lstm-iemocap lmr-cbt-mosi --rounds 2)
fi
trained+=(--device "$DEVICE" ${CORPUS:+--corpus "$CORPUS"} ${DATA:+--data "$DATA"} --out "$OUT")
OMP_NUM_THREADS=2 part tests 190 "$PYTHON" -m pytest -q -p no:cacheprovider --tb=short --durations=10 \
    --junitxml="$OUT/tests.xml" "${tests[@]}" tests/cuda
part sdt 130 "$PYTHON" tools/gpu_runs.py sdt --seconds 100 "${trained[@]}"
part bert 110 "$PYTHON" tools/gpu_runs.py bert --seconds 80 ${WORDS:+--words "$WORDS"} "${trained[@]}"
part bench 80 "$PYTHON" -m erclab bench "${bench[@]}" --device "$DEVICE" --out "$OUT/bench.json"
part speed 50 "$PYTHON" tools/gpu.py --device "$DEVICE" "${epochs[@]}" --out "$OUT/speed.json"
part cpu 20 "$PYTHON" tools/gpu.py --device cpu --models sdt m2fnet --precision float32 --epochs 1 --warm 0 \
    ${epochs[@]+"${epochs[@]}"} --out "$OUT/speed_cpu.json"

rm -rf "$scratch"
echo "== $failed parts failed"
ls -l "$OUT"
exit "$failed"
