// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.site;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Writes the site: every Markdown page of the repository as HTML, the pictures, the Javadoc of the published modules, and an index that the search reads. Nothing is loaded from elsewhere, and
 * the pages work from a folder.
 */
public final class SiteBuilder {
    private static final List<String> MODULES = List.of("accountant", "core", "features", "audit", "spark");
    private static final List<String> TOP = List.of("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md");

    private final Path repository;
    private final Path site;
    private final String version;

    private SiteBuilder(Path repository, Path site, String version) {
        this.repository = repository;
        this.site = site;
        this.version = version;
    }

    /** Arguments: the repository, the folder of the site, the version. */
    public static void main(String[] args) throws IOException {
        if (args.length != 3) {
            throw new IllegalArgumentException("3 arguments are needed: repository, folder of the site, version");
        }
        int pages = build(Path.of(args[0]), Path.of(args[1]), args[2]);
        System.out.println("site: " + pages + " pages in " + args[1]);
    }

    /** Returns the number of pages. */
    static int build(Path repository, Path site, String version) throws IOException {
        return new SiteBuilder(repository, site, version).write();
    }

    private int write() throws IOException {
        Map<String, Page> pages = pages();
        Set<String> files = copyFiles();
        List<String> modules = copyJavadoc();
        String template = resource("page.html");
        for (Page page : pages.values()) {
            String html = template.replace("@TITLE@", escape(page.title()))
                    .replace("@UP@", page.up())
                    .replace("@VERSION@", escape(version))
                    .replace("@MENU@", menu(page, pages.values(), modules))
                    .replace("@BODY@", page.body(pages.keySet(), files));
            write(page.target(), html);
        }
        write("style.css", resource("style.css"));
        write("search.js", resource("search.js"));
        write("search-index.js", index(pages.values()));
        return pages.size();
    }

    private Map<String, Page> pages() throws IOException {
        var sources = new ArrayList<String>(TOP);
        try (Stream<Path> docs = Files.walk(repository.resolve("docs"))) {
            docs.filter(file -> file.toString().endsWith(".md"))
                    .map(this::name)
                    .sorted()
                    .forEach(sources::add);
        }
        var pages = new LinkedHashMap<String, Page>();
        for (String source : sources) {
            Path file = repository.resolve(source);
            if (Files.exists(file)) {
                pages.put(source, Page.parse(source, Files.readString(file)));
            }
        }
        return pages;
    }

    private String name(Path file) {
        return repository.relativize(file).toString().replace('\\', '/');
    }

    /** Pictures and other files of docs. */
    private Set<String> copyFiles() throws IOException {
        var copied = new TreeSet<String>();
        List<Path> files;
        try (Stream<Path> docs = Files.walk(repository.resolve("docs"))) {
            files = docs.filter(Files::isRegularFile)
                    .filter(file -> !file.toString().endsWith(".md"))
                    .toList();
        }
        for (Path file : files) {
            copy(file, site.resolve(name(file)));
            copied.add(name(file));
        }
        return copied;
    }

    private static void copy(Path from, Path to) throws IOException {
        Files.createDirectories(Objects.requireNonNull(to.getParent()));
        Files.copy(from, to, StandardCopyOption.REPLACE_EXISTING);
    }

    /** Returns the modules whose Javadoc was built before. */
    private List<String> copyJavadoc() throws IOException {
        var found = new ArrayList<String>();
        for (String module : MODULES) {
            Path from = repository.resolve("dl4j-dp-" + module + "/target/reports/apidocs");
            if (!Files.exists(from.resolve("index.html"))) {
                continue;
            }
            found.add(module);
            try (Stream<Path> files = Files.walk(from)) {
                files.filter(Files::isRegularFile).forEach(file -> {
                    try {
                        copy(file, site.resolve("apidocs").resolve(module).resolve(from.relativize(file)));
                    } catch (IOException e) {
                        throw new UncheckedIOException("cannot copy " + file, e);
                    }
                });
            }
        }
        return found;
    }

    private static String menu(Page here, Iterable<Page> pages, List<String> modules) {
        var groups = new TreeMap<String, List<Page>>();
        for (Page page : pages) {
            String source = page.source();
            int slash = source.lastIndexOf('/');
            groups.computeIfAbsent(slash < 0 ? "" : source.substring(0, slash), key -> new ArrayList<>())
                    .add(page);
        }
        var menu = new StringBuilder();
        groups.forEach((folder, members) -> {
            menu.append("<h2>").append(heading(folder)).append("</h2>\n<ul>\n");
            for (Page page : members) {
                menu.append("<li><a href=\"")
                        .append(here.up())
                        .append(page.target())
                        .append(page.source().equals(here.source()) ? "\" aria-current=\"page\">" : "\">")
                        .append(escape(page.source().equals("README.md") ? "Start" : page.title()))
                        .append("</a></li>\n");
            }
            menu.append("</ul>\n");
        });
        if (!modules.isEmpty()) {
            menu.append("<h2>Javadoc</h2>\n<ul>\n");
            for (String module : modules) {
                menu.append("<li><a href=\"" + here.up() + "apidocs/" + module + "/index.html\">dl4j-dp-" + module
                        + "</a></li>\n");
            }
            menu.append("</ul>\n");
        }
        return menu.toString();
    }

    private static String heading(String folder) {
        return switch (folder) {
            case "" -> "dl4j-dp";
            case "docs" -> "Documentation";
            default -> {
                String last = folder.substring(folder.lastIndexOf('/') + 1);
                yield escape(Character.toUpperCase(last.charAt(0)) + last.substring(1));
            }
        };
    }

    /** The index is a script, since a page that is opened from a folder may not read files. */
    private static String index(Iterable<Page> pages) {
        var entries = new ArrayList<String>();
        for (Page page : pages) {
            for (Page.Section section : page.sections()) {
                entries.add(Stream.of(
                                page.title(),
                                section.title(),
                                page.target() + (section.anchor().isEmpty() ? "" : "#" + section.anchor()),
                                section.text())
                        .map(SiteBuilder::json)
                        .collect(Collectors.joining(",", "[", "]")));
            }
        }
        return "window.searchIndex = [\n" + String.join(",\n", entries) + "\n];\n";
    }

    private static String json(String text) {
        var json = new StringBuilder("\"");
        text.chars().forEach(c -> {
            switch (c) {
                case '"', '\\' -> json.append('\\').append((char) c);
                case '\n', '\r', '\t' -> json.append(' ');
                // A script must not end where a text does.
                case '<' -> json.append("\\u003c");
                default -> json.append((char) c);
            }
        });
        return json.append('"').toString();
    }

    static String escape(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;");
    }

    private void write(String name, String text) throws IOException {
        Path file = site.resolve(name);
        Files.createDirectories(Objects.requireNonNull(file.getParent()));
        Files.writeString(file, text);
    }

    private static String resource(String name) throws IOException {
        try (InputStream in = SiteBuilder.class.getResourceAsStream(name)) {
            return new String(Objects.requireNonNull(in, name).readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
