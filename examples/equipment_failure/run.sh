#!/bin/sh
# Trains on the older rows, then streams the newer ones through the loop: broker, consumer, monitor and trainer.
# Figures: build/train.json, build/loop.json.
set -eu
cd "$(dirname "$0")"
driftline=${DRIFTLINE:-driftline}
mkdir -p build

$driftline train ai4i2020.csv.gz --stop-row 8500 --report build/train.json
$driftline up --headless --seconds 75 --report build/loop.json &
until $driftline status | grep -q "consumer-0 *ready"; do sleep 1; done
$driftline produce replay ai4i2020.csv.gz --start-row 8500 --rate 200 --label-delay "100 records" --report build/replay.json
wait
