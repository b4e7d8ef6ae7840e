// SPDX-License-Identifier: Apache-2.0
package io.github.dl4jdp.site;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SiteBuilderTest {
    private static final Path REPOSITORY = Path.of("..").toAbsolutePath().normalize();
    private static final Pattern LINK = Pattern.compile("(?:href|src)=\"([^\"]+)\"");

    /** Links of pages to pages, to their sections, to pictures, styles and scripts; and links to files of the repository. */
    @Test
    void build_theRepository_everyLinkLeadsSomewhere(@TempDir Path site) throws IOException {
        int pages = SiteBuilder.build(REPOSITORY, site, "test");

        assertThat(pages).isGreaterThan(20);
        var broken = new ArrayList<String>();
        for (Path page : pages(site)) {
            String html = Files.readString(page);
            for (String link :
                    LINK.matcher(html).results().map(match -> match.group(1)).toList()) {
                if (!leads(site, page, html, link)) {
                    broken.add(site.relativize(page) + " -> " + link);
                }
            }
        }
        assertThat(broken).isEmpty();
    }

    private static boolean leads(Path site, Path page, String html, String link) throws IOException {
        String inRepository = "https://github.com/dl4jdp/dl4j-dp/blob/main/";
        if (link.startsWith(inRepository)) {
            return Files.exists(
                    REPOSITORY.resolve(link.substring(inRepository.length()).replaceAll("#.*", "")));
        }
        if (link.contains("://") || link.startsWith("mailto:")) {
            return true;
        }
        if (link.startsWith("#")) {
            return link.equals("#content") || html.contains("id=\"" + link.substring(1) + "\"");
        }
        String[] parts = link.split("#", 2);
        Path target = page.resolveSibling(parts[0]).normalize();
        if (!target.startsWith(site) || !Files.exists(target)) {
            return false;
        }
        return parts.length == 1 || Files.readString(target).contains("id=\"" + parts[1] + "\"");
    }

    @Test
    void build_everyPage_isInTheIndexAndLoadsNothingFromElsewhere(@TempDir Path site) throws IOException {
        SiteBuilder.build(REPOSITORY, site, "test");

        String index = Files.readString(site.resolve("search-index.js"));
        for (Path page : pages(site)) {
            String name = site.relativize(page).toString().replace('\\', '/');
            assertThat(index).as(name).contains("\"" + name);
            assertThat(Files.readString(page)).doesNotContainPattern("(src=\"|<link[^>]*href=\")(https?:)?//");
        }
    }

    @Test
    void parse_linksAndPictures_leadToPagesFilesAndTheRepository() {
        Page page = Page.parse(
                "docs/a.md",
                "# A\n\n[b](b.md#part) [r](../README.md) [s](../pom.xml) [p](images/p.png) [w](https://x.org)\n");

        String body = page.body(Set.of("docs/b.md", "README.md"), Set.of("docs/images/p.png"));

        assertThat(LINK.matcher(body).results().map(match -> match.group(1)))
                .containsExactly(
                        "../docs/b.html#part",
                        "../index.html",
                        "https://github.com/dl4jdp/dl4j-dp/blob/main/pom.xml",
                        "images/p.png",
                        "https://x.org");
    }

    @Test
    void sections_headings_cutThePage() {
        Page page =
                Page.parse("docs/a.md", "# A\n\none `two`\n\n## B b\n\n```\nthree\n```\n\n| x |\n|---|\n| four |\n");

        assertThat(page.sections())
                .containsExactly(new Page.Section("A", "a", "one two"), new Page.Section("B b", "b-b", "three x four"));
    }

    private static List<Path> pages(Path site) throws IOException {
        try (Stream<Path> files = Files.walk(site)) {
            return files.filter(file -> file.toString().endsWith(".html"))
                    .filter(file -> !file.startsWith(site.resolve("apidocs")))
                    .toList();
        }
    }
}
