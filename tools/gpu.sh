#!/usr/bin/env bash
# What is tested and measured on a GPU, each part with a limit of time, in order of worth, in less than eight minutes:
#
#     bash tools/gpu.sh            on a machine with a GPU and the packages of pyproject.toml
#     DEVICE=cpu bash tools/gpu.sh the same at the smallest sizes, to try this script
#
# Results go to $OUT (default build/gpu): log.txt, tests.txt, tests.xml, bench.json, speed.json, speed_cpu.json. A part
# that fails does not stop the others; the status is the number of parts that failed. PARTS="tests speed" runs these two.
# Packages that the machine lacks are taken from wheels in .whl, if that folder exists.
set -u
cd "$(dirname "$0")/.."
OUT="${OUT:-build/gpu}"
DEVICE="${DEVICE:-cuda}"
PARTS="${PARTS:-tests bench speed cpu}"
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
nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader || true
"$PYTHON" -c "import torch, numpy, sys; print(sys.version.split()[0], torch.__version__, numpy.__version__)"

if [ "$DEVICE" = cpu ]; then
    tests=(-k "ops and not recurrence" -n 0) bench=(bc-lstm --steps 1 --rounds 1) epochs=(--models m2fnet --share 0.05)
else
    tests=(-n 4) epochs=()
    bench=(sdt-iemocap mult-mosi dialoguernn-iemocap bc-lstm-iemocap lmr-cbt-mosi --rounds 2)
fi
OMP_NUM_THREADS=2 part tests 200 "$PYTHON" -m pytest -q -p no:cacheprovider --tb=short --durations=10 \
    --junitxml="$OUT/tests.xml" "${tests[@]}" tests/cuda > >(tee "$OUT/tests.txt")
part bench 150 "$PYTHON" -m erclab bench "${bench[@]}" --device "$DEVICE" --out "$OUT/bench.json"
part speed 90 "$PYTHON" tools/gpu.py --device "$DEVICE" "${epochs[@]}" --out "$OUT/speed.json"
part cpu 30 "$PYTHON" tools/gpu.py --device cpu --models sdt m2fnet --precision float32 --epochs 1 --warm 0 \
    ${epochs[@]+"${epochs[@]}"} --out "$OUT/speed_cpu.json"

rm -rf "$scratch"
echo "== $failed parts failed"
ls -l "$OUT"
exit "$failed"
