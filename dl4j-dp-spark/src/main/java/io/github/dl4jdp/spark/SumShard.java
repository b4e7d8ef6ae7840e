// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.spark;

import io.github.dl4jdp.core.data.Augmentation;
import java.io.Serializable;
import org.apache.spark.api.java.function.Function;
import org.jspecify.annotations.Nullable;

/** A task: the sum of one shard. */
final class SumShard implements Function<Integer, ShardResult> {
    private static final long serialVersionUID = 1L;

    private final Sent<Work> work;
    private final Sent<LotStep> step;

    SumShard(Sent<Work> work, Sent<LotStep> step) {
        this.work = work;
        this.step = step;
    }

    /**
     * What every task of a run needs.
     *
     * @param augmentation makes the copies of the examples, if they are augmented
     */
    record Work(
            NetworkRun run,
            ShardStorage storage,
            ShardManifest manifest,
            @Nullable Augmentation augmentation) implements Serializable {}

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
                now.hash(),
                ExecutorRun.of(here.run()).sum(now, here, shard));
    }
}
