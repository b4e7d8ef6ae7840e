// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.site;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.commonmark.Extension;
import org.commonmark.ext.gfm.tables.TablesExtension;
import org.commonmark.ext.heading.anchor.HeadingAnchorExtension;
import org.commonmark.node.AbstractVisitor;
import org.commonmark.node.Code;
import org.commonmark.node.CustomNode;
import org.commonmark.node.FencedCodeBlock;
import org.commonmark.node.Heading;
import org.commonmark.node.Link;
import org.commonmark.node.Node;
import org.commonmark.node.Paragraph;
import org.commonmark.node.SoftLineBreak;
import org.commonmark.node.Text;
import org.commonmark.parser.Parser;
import org.commonmark.renderer.html.HtmlRenderer;

/**
 * One Markdown page of the repository, and the HTML page that it becomes.
 *
 * @param source path in the repository, with slashes: {@code docs/data.md}
 * @param target path in the site: {@code docs/data.html}
 */
record Page(String source, String target, Node root) {
    /** Where files of the repository that are no pages are linked to. */
    private static final String REPOSITORY = "https://github.com/dl4jdp/dl4j-dp/blob/main/";

    private static final List<Extension> EXTENSIONS =
            List.of(TablesExtension.create(), HeadingAnchorExtension.create());
    private static final Parser PARSER = Parser.builder().extensions(EXTENSIONS).build();
    private static final HtmlRenderer RENDERER =
            HtmlRenderer.builder().extensions(EXTENSIONS).build();
    private static final Pattern ID = Pattern.compile("<h[1-6] id=\"([^\"]*)\"");

    static Page parse(String source, String markdown) {
        return new Page(source, target(source), PARSER.parse(markdown));
    }

    private static String target(String source) {
        return source.equals("README.md")
                ? "index.html"
                : source.replaceAll("README\\.md$", "index.html").replaceAll("\\.md$", ".html");
    }

    /** The text of the first heading. */
    String title() {
        return sections().get(0).title();
    }

    /** The way from this page to the root of the site: empty or "../". */
    String up() {
        return "../".repeat((int) target.chars().filter(c -> c == '/').count());
    }

    /**
     * The page's body. Links to other pages lead to their HTML, links to other files to the repository.
     *
     * @param pages sources of all pages
     * @param files other files that the site holds, such as pictures
     */
    String body(Set<String> pages, Set<String> files) {
        root.accept(new AbstractVisitor() {
            @Override
            public void visit(Link link) {
                link.setDestination(destination(link.getDestination(), pages, files));
                visitChildren(link);
            }
        });
        return RENDERER.render(root);
    }

    private String destination(String link, Set<String> pages, Set<String> files) {
        if (link.contains("://") || link.startsWith("#") || link.startsWith("mailto:")) {
            return link;
        }
        int hash = link.indexOf('#');
        String path = resolve(hash < 0 ? link : link.substring(0, hash));
        String anchor = hash < 0 ? "" : link.substring(hash);
        if (pages.contains(path)) {
            return up() + target(path) + anchor;
        }
        return files.contains(path) ? link : REPOSITORY + path + anchor;
    }

    /** A path that a link of this page names, from the root of the repository. */
    private String resolve(String link) {
        var parts = new ArrayList<String>(List.of(source.split("/", -1)));
        parts.remove(parts.size() - 1);
        for (String part : link.split("/", -1)) {
            if (part.equals("..") && !parts.isEmpty()) {
                parts.remove(parts.size() - 1);
            } else if (!part.equals(".") && !part.isEmpty()) {
                parts.add(part);
            }
        }
        return String.join("/", parts);
    }

    /** A heading and what is below it, as words. */
    record Section(String title, String anchor, String text) {}

    /** The page cut at its headings, for the search. */
    List<Section> sections() {
        var anchors = new ArrayList<String>();
        ID.matcher(RENDERER.render(root)).results().forEach(match -> anchors.add(match.group(1)));
        var sections = new ArrayList<Section>();
        String title = "";
        String anchor = "";
        var text = new StringBuilder();
        int headings = 0;
        for (Node node = root.getFirstChild(); node != null; node = node.getNext()) {
            if (node instanceof Heading) {
                if (headings > 0) {
                    sections.add(
                            new Section(title, anchor, text.toString().strip().replaceAll("\\s+", " ")));
                }
                title = words(node).strip();
                anchor = headings < anchors.size() ? anchors.get(headings) : "";
                headings++;
                text.setLength(0);
            } else {
                text.append(words(node)).append(' ');
            }
        }
        sections.add(new Section(title, anchor, text.toString().strip().replaceAll("\\s+", " ")));
        return sections;
    }

    private static String words(Node node) {
        var words = new StringBuilder();
        node.accept(new AbstractVisitor() {
            @Override
            public void visit(Text text) {
                words.append(text.getLiteral());
            }

            @Override
            public void visit(Code code) {
                words.append(code.getLiteral());
            }

            @Override
            public void visit(FencedCodeBlock code) {
                words.append(code.getLiteral()).append(' ');
            }

            @Override
            public void visit(SoftLineBreak end) {
                words.append(' ');
            }

            @Override
            public void visit(Paragraph paragraph) {
                visitChildren(paragraph);
                words.append(' ');
            }

            @Override
            public void visit(CustomNode cell) {
                visitChildren(cell);
                words.append(' ');
            }
        });
        return words.append(' ').toString().replaceAll("\\s+", " ");
    }
}
