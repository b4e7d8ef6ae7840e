// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.examples;

import java.util.ArrayList;
import java.util.List;

/** A small table for people to read: columns as wide as their widest cell, numbers to the right. */
final class Table {
    private final List<List<String>> rows = new ArrayList<>();

    /** Starts a table with these headings. */
    Table(String... headings) {
        rows.add(List.of(headings));
    }

    /**
     * Adds a row.
     *
     * @throws IllegalArgumentException if there are not as many cells as headings
     */
    Table row(String... cells) {
        int columns = rows.get(0).size();
        if (cells.length != columns) {
            throw new IllegalArgumentException(
                    "cells must be as many as headings, " + columns + ", was " + cells.length);
        }
        rows.add(List.of(cells));
        return this;
    }

    /** The table as Markdown, which also reads well on a terminal. */
    @Override
    public String toString() {
        int columns = rows.get(0).size();
        int[] widths = new int[columns];
        boolean[] numeric = new boolean[columns];
        for (int c = 0; c < columns; c++) {
            numeric[c] = rows.size() > 1;
            for (int r = 0; r < rows.size(); r++) {
                String cell = rows.get(r).get(c);
                widths[c] = Math.max(Math.max(widths[c], 3), cell.length());
                numeric[c] &= r == 0 || isNumber(cell);
            }
        }
        StringBuilder out = new StringBuilder();
        for (int r = 0; r < rows.size(); r++) {
            for (int c = 0; c < columns; c++) {
                String cell = rows.get(r).get(c);
                String space = " ".repeat(widths[c] - cell.length());
                out.append("| ")
                        .append(numeric[c] ? space + cell : cell + space)
                        .append(' ');
            }
            out.append('|').append(System.lineSeparator());
            if (r == 0) {
                for (int c = 0; c < columns; c++) {
                    out.append('|').append(numeric[c] ? "-".repeat(widths[c] + 1) + ":" : "-".repeat(widths[c] + 2));
                }
                out.append('|').append(System.lineSeparator());
            }
        }
        return out.toString();
    }

    private static boolean isNumber(String cell) {
        return cell.isEmpty() || cell.matches("[-+]?([0-9][0-9.,e+-]*|infinity)( ?%| ?s)?");
    }
}
