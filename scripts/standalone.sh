#!/usr/bin/env bash
# Runs a main of dl4j-dp-spark-examples on a standalone Spark cluster of its own: a master and two workers on the loopback interface, authenticated and encrypted, from the jars that
# Maven has, the program by Spark's own SparkSubmit as docs/spark.md describes it. The cluster ends with the program.
#
#   scripts/standalone.sh [MAIN [ARGUMENT ...]]        by default AdultOnSpark --shards 4
#
# MAVEN_ARGS, which Maven reads itself, selects another Spark, such as -Pspark-4.
set -euo pipefail
cd "$(dirname "$0")/.."
main=${1:-AdultOnSpark}
shift || true
[ $# -gt 0 ] || set -- --shards 4
module=dl4j-dp-spark-examples
home=$PWD/$module/target/spark-home
property() { mvn -B -q -pl $module help:evaluate -Dexpression="$1" -DforceStdout | sed 's/\x1b\[[0-9;]*m//g'; }
version=$(property spark.version)
scala=$(property scala.binary.version)
slf4j=$(property slf4j.version)
ours=$(property project.version)

# As the document says.
mvn -B -q -DskipTests -Pjars package -pl $module -am

# What a distribution of Spark has in its folder jars.
rm -rf "$home"
mkdir -p "$home/jars" "$home/log"
cat > "$home/pom.xml" << END
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>spark</groupId>
  <artifactId>home</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <!-- Hadoop asks for an older one. -->
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-api</artifactId>
      <version>$slf4j</version>
    </dependency>
    <dependency>
      <groupId>org.apache.spark</groupId>
      <artifactId>spark-core_$scala</artifactId>
      <version>$version</version>
    </dependency>
  </dependencies>
</project>
END
mvn -B -q -f "$home/pom.xml" dependency:copy-dependencies -DoutputDirectory="$home/jars"

export SPARK_HOME=$home SPARK_LOCAL_IP=127.0.0.1 SPARK_SCALA_VERSION=$scala
java=${JAVA_HOME:+$JAVA_HOME/bin/}java
secret=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
{
  echo "spark.authenticate true"
  echo "spark.authenticate.secret $secret"
  echo "spark.network.crypto.enabled true"
  echo "spark.io.encryption.enabled true"
} > "$home/cluster.conf"
chmod 600 "$home/cluster.conf"
port=$((20000 + RANDOM % 20000))
processes=()
end() {
  for process in "${processes[@]}"; do
    kill "$process" 2> /dev/null || true
  done
}
trap end EXIT

# Starts CLASS with arguments as Spark's scripts do: its launcher prints the command, with the options that Java 17 needs, each part ended by a zero byte.
spark_class() {
  local command=() argument
  {
    read -r argument
    while IFS= read -r -d '' argument; do
      command+=("$argument")
    done
  } < <("$java" -Xmx128m -cp "$home/jars/*" org.apache.spark.launcher.Main "$@")
  exec "${command[@]}"
}
# Waits until LOG has TEXT.
await() {
  for _ in $(seq 600); do
    grep -q "$2" "$home/log/$1" 2> /dev/null && return
    sleep 0.2
  done
  cat "$home/log/$1" >&2
  exit 1
}

(spark_class org.apache.spark.deploy.master.Master --host 127.0.0.1 --port $port --webui-port 0 --properties-file "$home/cluster.conf") > "$home/log/master" 2>&1 &
processes+=($!)
await master "Starting Spark master"
for worker in 1 2; do
  (spark_class org.apache.spark.deploy.worker.Worker --host 127.0.0.1 --cores 1 --memory 2g --webui-port 0 --work-dir "$home/worker$worker" \
    --properties-file "$home/cluster.conf" spark://127.0.0.1:$port) > "$home/log/worker$worker" 2>&1 &
  processes+=($!)
  await worker$worker "Successfully registered with master"
done

(spark_class org.apache.spark.deploy.SparkSubmit --master spark://127.0.0.1:$port --class io.github.dl4jdp.examples."$main" \
  --properties-file "$home/cluster.conf" --conf spark.executor.memory=1500m --conf spark.executor.cores=1 --conf spark.ui.enabled=false --driver-memory 2g \
  --jars "$(ls $module/target/jars/*.jar | paste -sd,)" \
  $module/target/$module-"$ours".jar "$@") 2> "$home/log/driver"
