#!/usr/bin/env bash
# Installs the artifacts in the local Maven repository, then builds and runs the samples from there as a user would: by Maven, by Gradle where it is installed, and the JBang
# scripts with the dependencies that they name (by JBang itself where it is installed).
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
mvn=$(command -v mvn || echo "$top/mvnw")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
version=$(sed -n 's#^  <version>\(.*\)</version>#\1#p' "$top/pom.xml" | head -1)

check() { # NAME FILE TEXT...
  local name=$1 file=$2
  shift 2
  for text in "$@"; do
    grep -q -e "$text" "$file" || { echo "$name: \"$text\" is missing in its output" >&2; cat "$file" >&2; exit 1; }
  done
  echo "$name: ok"
}

cd "$top"
"$mvn" -B -q -DskipTests -Dspotless.check.skip -Dmaven.javadoc.skip install -pl dl4j-dp-core -am
cp -r samples/quickstart samples/jbang "$work"

cd "$work/quickstart"
"$mvn" -B -q compile exec:java > "$work/maven.log" 2>&1 || { cat "$work/maven.log" >&2; exit 1; }
check "Maven sample" "$work/maven.log" "epsilon = \(1.000\|0.99\)" "dl4j-dp  *$version" "Accuracy on public test rows"
test -s model.zip && test -s privacy-report.html
"$mvn" -B -q compile exec:java -Dexec.mainClass=quickstart.PrivateCategories > "$work/categories.log" 2>&1 || { cat "$work/categories.log" >&2; exit 1; }
check "Maven sample with categories" "$work/categories.log" "epsilon = \(2.000\|1.99\)" "loan risk" "Balanced accuracy on public test rows: 0.[678]"
test -s loans-model.zip && test -s loans-report.html

if command -v gradle > /dev/null; then
  gradle ${GRADLE_ARGS:-} -q run > "$work/gradle.log" 2>&1 || { cat "$work/gradle.log" >&2; exit 1; }
  check "Gradle sample" "$work/gradle.log" "epsilon = \(1.000\|0.99\)" "dl4j-dp  *$version" "Accuracy on public test rows"
  gradle ${GRADLE_ARGS:-} -q run -Pprogram=PrivateCategories > "$work/gradle.log" 2>&1 || { cat "$work/gradle.log" >&2; exit 1; }
  check "Gradle sample with categories" "$work/gradle.log" "epsilon = \(2.000\|1.99\)" "Balanced accuracy on public test rows"
else
  echo "Gradle sample: SKIPPED, there is no Gradle here"
fi

# What a script names after //DEPS, as a Maven project of its own.
jbang_script() { # FILE ARGS...
  local file=$1 dir="$work/script"
  shift
  rm -rf "$dir" && mkdir "$dir"
  {
    echo '<project><modelVersion>4.0.0</modelVersion><groupId>x</groupId><artifactId>x</artifactId><version>1</version><dependencies>'
    sed -n 's#^//DEPS \([^:]*\):\([^:]*\):\(.*\)$#<dependency><groupId>\1</groupId><artifactId>\2</artifactId><version>\3</version></dependency>#p' "$file"
    echo '</dependencies></project>'
  } > "$dir/pom.xml"
  (cd "$dir" && "$mvn" -B -q -Djavacpp.platform.custom -Djavacpp.platform.host org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath -Dmdep.outputFile=cp.txt)
  java -cp "$(cat "$dir/cp.txt")" "$file" "$@"
}
jbang_script "$work/jbang/Quickstart.java" > "$work/quickstart.log" 2>&1 || { cat "$work/quickstart.log" >&2; exit 1; }
check "JBang quick start" "$work/quickstart.log" "epsilon = \(1.000\|0.99\)" "dl4j-dp  *$version"
jbang_script "$work/jbang/accountant.java" epsilon --examples 60000 --lot-size 256 --epochs 15 --noise-multiplier 1.1 --delta 1e-5 > "$work/accountant.log" 2>&1 ||
  { cat "$work/accountant.log" >&2; exit 1; }
check "JBang accountant" "$work/accountant.log" "epsilon"
