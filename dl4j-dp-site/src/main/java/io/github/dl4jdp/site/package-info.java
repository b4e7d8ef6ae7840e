// SPDX-License-Identifier: Apache-2.0
/**
 * Renders README, docs and Javadoc to one static site: {@link io.github.dl4jdp.site.SiteBuilder} reads pages, {@link io.github.dl4jdp.site.Page} renders one, and the template, style and
 * search script are resources.
 */
@NullMarked
package io.github.dl4jdp.site;

import org.jspecify.annotations.NullMarked;
