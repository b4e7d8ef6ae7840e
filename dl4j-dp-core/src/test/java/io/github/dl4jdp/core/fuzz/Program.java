// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.core.fuzz;

import java.util.TreeSet;
import org.nd4j.linalg.api.buffer.DataType;

/** Prints a case as a program that shows the fault by itself. */
final class Program {
    private Program() {}

    static String of(FuzzCase one, Finding finding) {
        var imports = new TreeSet<String>();
        for (Class<?> type : one.network().types()) {
            Class<?> outer = type;
            while (outer.getEnclosingClass() != null) {
                outer = outer.getEnclosingClass();
            }
            imports.add(outer.getName());
        }
        imports.add(DataType.class.getName());
        boolean graph = one.network().graph();
        String network = graph
                ? "org.deeplearning4j.nn.graph.ComputationGraph"
                : "org.deeplearning4j.nn.multilayer.MultiLayerNetwork";
        imports.add(network);
        imports.add("org.deeplearning4j.nn.api.Model");
        imports.add("org.deeplearning4j.optimize.api.BaseTrainingListener");
        imports.add("org.nd4j.linalg.api.ndarray.INDArray");
        imports.add("org.nd4j.linalg.dataset.DataSet");
        imports.add("org.nd4j.linalg.dataset.MultiDataSet");
        imports.add("org.nd4j.linalg.factory.Nd4j");
        var text = new StringBuilder();
        imports.forEach(name -> text.append("import ").append(name).append(";\n"));
        text.append(
                "import io.github.dl4jdp.core.*;\nimport io.github.dl4jdp.core.data.*;\nimport io.github.dl4jdp.core.mechanism.*;\n\n");
        text.append("/** Seed ")
                .append(one.seed())
                .append(". ")
                .append(finding.toString().replace("*/", "* /"))
                .append(" */\n");
        String simple = graph ? "ComputationGraph" : "MultiLayerNetwork";
        String type = one.network().build().params().dataType().name();
        text.append("public class Fault").append(one.seed()).append(" {\n");
        text.append(
                        "    static INDArray a(double[] x, long... shape) { return Nd4j.create(x, shape, 'c').castTo(DataType.")
                .append(type)
                .append("); }\n");
        text.append("    static ")
                .append(simple)
                .append(" net() {\n        var n = new ")
                .append(simple)
                .append("(")
                .append(one.network().code())
                .append(");\n        n.init(); return n;\n    }\n");
        text.append("    static MultiDataSet data() {\n        return ")
                .append(one.data().code())
                .append(";\n    }\n");
        text.append("    static MultiDataSet neighbor() { // example ")
                .append(one.changed())
                .append(one.replacement() == null ? " removed" : " replaced")
                .append("\n        return ")
                .append(one.neighbor().code())
                .append(";\n    }\n");
        text.append("""
                    static java.util.List<double[]> sums(MultiDataSet d, ExecutionOptions options) {
                        var n = net(); int size = (int) d.getFeatures(0).size(0);
                        var e = PrivacyEngine.attach(n, plan(size), options);
                        var sums = new java.util.ArrayList<double[]>();
                        n.setListeners(new BaseTrainingListener() { @Override public void onGradientCalculation(Model m) { sums.add(n.getFlattenedGradients().castTo(DataType.DOUBLE).mul(size).reshape(n.numParams()).toDoubleVector()); } });
                        try { n.fit(LOTS, 1); } finally { System.out.println("steps " + e.steps() + ", releases " + sums.size()); e.close(); }
                        return sums;
                    }
                    static double apart(double[] a, double[] b) { double s = 0; for (int i = 0; i < a.length; i++) s += Math.pow((a[i] - b[i]) / NORM, 2); return Math.sqrt(s); }
                """.replace(
                        "LOTS",
                        one.run().copies() > 1
                                ? graph
                                        ? "e.multiLots(RandomAccessExamples.of(d), (f, r) -> f.muli(r.nextInt(3)))"
                                        : "e.lots(RandomAccessExamples.of(d), (f, r) -> f.muli(r.nextInt(3)))"
                                : one.run().pads()
                                        ? graph
                                                ? "e.multiLots(new io.github.dl4jdp.core.fuzz.PaddedExamples(d))"
                                                : "e.lots(new io.github.dl4jdp.core.fuzz.PaddedExamples(d))"
                                        : graph ? "e.lots(d)" : "e.lots(RandomAccessExamples.of(d))")
                .replace("NORM", Double.toString(one.run().norm())));
        text.append("    static DpSgdPlan plan(int n) { return ")
                .append(one.run().planCode())
                .append("; }\n");
        text.append(
                        "    public static void main(String[] args) {\n        System.out.println(PrivacyEngine.check(net(), plan(")
                .append(one.data().size())
                .append(")));\n");
        String run = "ExecutionOptions.defaults().withThreads(1).withPhysicalBatchSize("
                + one.run().physicalBatch() + ")";
        String other = "ExecutionOptions.defaults().withThreads(" + one.run().threads() + ").withPhysicalBatchSize("
                + one.run().otherBatch() + ").withPrefetch(" + one.run().prefetch() + ")";
        switch (finding.kind()) {
            case ROWS, NORMS, SUM -> text.append("""
                            INDArray rows = PerExampleGradients.materialize(net(), data());
                            System.out.println("rows " + rows.norm2(1) + ", norms " + PerExampleGradients.norms(net(), data()));
                            System.out.println("sum " + PerExampleGradients.clippedSum(net(), data(), %s));
                            for (int i = 0; i < rows.size(0); i++) {
                                MultiDataSet d = data();
                                INDArray theirs = alone(new MultiDataSet(row(d.getFeatures(), i), row(d.getLabels(), i), row(d.getFeaturesMaskArrays(), i), row(d.getLabelsMaskArrays(), i)));
                                System.out.println("example " + i + ": row off DL4J's batch of one by " + rows.getRow(i).castTo(DataType.DOUBLE).distance2(theirs.castTo(DataType.DOUBLE)) + " of " + theirs.norm2Number());
                            }
                    """.formatted(one.run().norm()));
            default -> text.append("""
                            var s = sums(data(), %s); var t = sums(neighbor(), %s); var o = sums(data(), %s);
                            for (int i = 0; i < s.size(); i++) System.out.println("release " + i + ": neighbors " + apart(s.get(i), t.get(i)) + " C apart (bound %d), other physical batches " + apart(s.get(i), o.get(i)) + " C apart");
                    """.formatted(run, run, other, one.bound()));
        }
        text.append("    }\n");
        if (finding.kind() == Finding.Kind.ROWS
                || finding.kind() == Finding.Kind.NORMS
                || finding.kind() == Finding.Kind.SUM) {
            text.append(
                    "    static INDArray[] row(INDArray[] all, int i) { if (all == null) return null; var r = new INDArray[all.length]; for (int k = 0; k < r.length; k++) { if (all[k] == null) continue; long[] s = all[k].shape().clone(); r[k] = Nd4j.pullRows(all[k].dup('c').reshape('c', s[0], all[k].length() / s[0]), 1, new int[] {i}, 'c'); s[0] = 1; r[k] = r[k].reshape('c', s); } return r; }\n");
            text.append(
                    graph
                            ? "    static INDArray alone(MultiDataSet d) { var n = net(); n.setInputs(d.getFeatures()); n.setLabels(d.getLabels()); n.setLayerMaskArrays(d.getFeaturesMaskArrays(), d.getLabelsMaskArrays()); n.computeGradientAndScore(); return n.gradient().gradient().reshape(n.numParams()); }\n"
                            : "    static INDArray alone(MultiDataSet d) { var n = net(); n.setInput(d.getFeatures(0)); n.setLabels(d.getLabels(0)); n.setLayerMaskArrays(d.getFeaturesMaskArrays() == null ? null : d.getFeaturesMaskArray(0), d.getLabelsMaskArrays() == null ? null : d.getLabelsMaskArray(0)); n.computeGradientAndScore(); return n.gradient().gradient().reshape(n.numParams()); }\n");
        }
        return text.append("}\n").toString();
    }
}
