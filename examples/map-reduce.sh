#!/bin/sh
# A fit as map and reduce: a CSV file with a header is cut in four, each part is read by a process of its own (on a cluster: a
# machine of its own), and only their statistics, some kilobytes, come together.
#
#   sh map-reduce.sh DATA.csv K [ITERATIONS] [MODEL.json]
#
# GAUSSMIX is the command, `gaussmix` by default.
set -eu
data=$1
k=$2
iterations=${3:-20}
model=${4:-model.json}
run=${GAUSSMIX:-gaussmix}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Rows are summed in blocks of 4,096: parts of whole blocks give the same bits as one fit.
rows=$(($(wc -l < "$data") - 1))
size=$((((rows + 4095) / 4096 + 3) / 4 * 4096))
tail -n +2 "$data" | split -l "$size" - "$folder/rows."
first=0
for piece in "$folder"/rows.*; do
  head -n 1 "$data" | cat - "$piece" > "$folder/part.$first.csv"
  first=$((first + size))
done

# Where to begin. Where the rows are too many for one machine, a sample of them will do.
$run fit "$data" -k "$k" --max-iterations 0 -o "$model" --quiet > "$folder/start.txt"

iteration=1
while [ "$iteration" -le "$iterations" ]; do
  workers=
  for part in "$folder"/part.*.csv; do
    first=${part##*part.}
    $run accumulate "$model" "$part" --first-row "${first%.csv}" -o "$part.stats" &
    workers="$workers $!"
  done
  # One by one: a part that failed ends the script.
  for worker in $workers; do wait "$worker"; done
  $run maximize "$folder"/part.*.stats -o "$model"
  iteration=$((iteration + 1))
done
