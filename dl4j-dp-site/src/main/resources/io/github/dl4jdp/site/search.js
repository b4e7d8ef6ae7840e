// Search over window.searchIndex: rows of [page, section, link, text]. Every word must occur; titles count more than text.
(() => {
  const root = document.documentElement;
  const up = root.dataset.root;
  const input = document.getElementById("search");
  const results = document.getElementById("results");
  const escape = text => text.replace(/[&<>"]/g, c => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
  const quote = word => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

  const score = (row, words) => {
    const [page, section, , text] = row.map(part => part.toLowerCase());
    let total = 0;
    for (const word of words) {
      const points = (section.includes(word) ? 12 : 0) + (page.includes(word) ? 5 : 0) + Math.min(4, text.split(word).length - 1);
      if (points === 0) return 0;
      total += points;
    }
    return total;
  };

  const excerpt = (text, words) => {
    const at = Math.max(0, Math.min(...words.map(word => text.toLowerCase().indexOf(word)).filter(i => i >= 0), text.length) - 60);
    const cut = (at > 0 ? "… " : "") + text.slice(at, at + 190) + (text.length > at + 190 ? " …" : "");
    return escape(cut).replace(new RegExp("(" + words.map(word => quote(escape(word))).join("|") + ")", "gi"), "<mark>$1</mark>");
  };

  const show = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(word => word.length > 1);
    results.hidden = words.length === 0;
    if (words.length === 0) return;
    const found = window.searchIndex
      .map(row => [score(row, words), row])
      .filter(([points]) => points > 0)
      .sort((a, b) => b[0] - a[0])
      .slice(0, 20);
    results.innerHTML = found.length === 0
      ? '<div class="none">Nothing found.</div>'
      : found.map(([, [page, section, link, text]]) => `<a href="${up}${escape(link)}"><strong>${escape(section || page)}</strong> · ${escape(page)}<p>${excerpt(text, words)}</p></a>`).join("");
  };

  const move = step => {
    const links = [...results.querySelectorAll("a")];
    if (links.length === 0) return;
    const at = links.findIndex(link => link.getAttribute("aria-selected") === "true");
    links.forEach(link => link.removeAttribute("aria-selected"));
    const next = links[(at + step + links.length) % links.length];
    next.setAttribute("aria-selected", "true");
    next.scrollIntoView({ block: "nearest" });
  };

  input.addEventListener("input", show);
  input.addEventListener("keydown", event => {
    if (event.key === "ArrowDown") { move(1); event.preventDefault(); }
    if (event.key === "ArrowUp") { move(-1); event.preventDefault(); }
    if (event.key === "Enter") (results.querySelector('[aria-selected="true"]') || results.querySelector("a"))?.click();
    if (event.key === "Escape") { input.value = ""; show(); }
  });
  document.addEventListener("keydown", event => {
    if (event.key === "/" && document.activeElement !== input) { input.focus(); event.preventDefault(); }
  });
  document.addEventListener("click", event => { if (!event.target.closest("header")) results.hidden = true; });

  const stored = (() => { try { return localStorage.getItem("theme"); } catch { return null; } })();
  if (stored) root.dataset.theme = stored;
  document.getElementById("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* not kept */ }
  });

  const query = new URLSearchParams(location.search).get("q");
  if (query) { input.value = query; show(); }
})();
