#!/usr/bin/env bash
# Builds the release of the commit that is checked out twice, in two folders, and compares every file of the two bundles. Arguments go to Maven.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mvn=$(command -v mvn || echo "$top/mvnw")
commit=$(git -C "$top" rev-parse HEAD)
for k in first second; do
  mkdir "$work/$k"
  git -C "$top" archive "$commit" | tar -x -C "$work/$k"
  echo "build $k"
  (cd "$work/$k" && "$mvn" -B -q -Prelease -DskipTests "$@" verify)
  (cd "$work/$k/target/staging" && find . -type f ! -name 'maven-metadata.xml*' ! -name '*.asc*' | sort | xargs sha256sum) > "$work/$k.sums"
done
if ! diff "$work/first.sums" "$work/second.sums"; then
  echo "The two builds differ." >&2
  exit 1
fi
mkdir -p "$top/dl4j-dp-release/target"
cp "$work"/second/dl4j-dp-release/target/*.zip "$top/dl4j-dp-release/target/"
echo "$(wc -l < "$work/first.sums") files, the same in both builds."
