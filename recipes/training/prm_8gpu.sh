#!/bin/bash
# A process reward model of 7 to 8 billion weights on the 8 GPUs of one machine. Not run here; see docs/training.md.
#
#   MODEL=/models/7b LABELS=runs/a OUT=out/prm recipes/training/prm_8gpu.sh           # fully sharded data parallel
#   SHARDING=zero3 MODEL=... LABELS=... OUT=... recipes/training/prm_8gpu.sh           # DeepSpeed ZeRO-3
#
# 64 solutions an update. The same command resumes. Further flags of `omega train prm` may follow.
set -euo pipefail

: "${MODEL:?name a model folder}" "${LABELS:?name a run directory or a file of labels}" "${OUT:?name a folder}"
SHARDING=${SHARDING:-fsdp}
HERE=$(cd "$(dirname "$0")" && pwd)

exec accelerate launch --config_file "$HERE/$SHARDING.yaml" -m omega_fast train prm "$LABELS" -o "$OUT" \
    --model "$MODEL" --head token-cls --loss bce --labels soft-or-hard \
    --learning-rate 1e-5 --epochs 1 --batch-size 2 --accumulation 4 --warmup 0.03 --scheduler cosine \
    --bf16 --gradient-checkpointing --save-every 200 --evaluate-every 200 "$@"
