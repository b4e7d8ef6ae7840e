// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import java.io.Serializable;
import org.apache.spark.api.java.function.Function;
import org.apache.spark.broadcast.Broadcast;

/** A task: the sum of one shard. */
final class SumShard implements Function<Integer, ShardResult> {
    private static final long serialVersionUID = 1L;

    private final Broadcast<Work> work;
    private final Broadcast<LotStep> step;

    SumShard(Broadcast<Work> work, Broadcast<LotStep> step) {
        this.work = work;
        this.step = step;
    }

    /** What every task of a run needs. */
    record Work(NetworkRun run, ShardStorage storage, ShardManifest manifest) implements Serializable {}

    Work work() {
        return work.value();
    }

    LotStep step() {
        return step.value();
    }

    @Override
    public ShardResult call(Integer shard) {
        Work here = work.value();
        LotStep now = step.value();
        return ShardResult.of(
                shard,
                here.manifest().shards().size(),
                now,
                now.parametersHash(),
                ExecutorRun.of(here.run()).sum(now, here.storage(), here.manifest(), shard));
    }
}
