"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { binaries, pictures } = data.head;
  const SIGNS = { blocked: "✗", unknown: "?", warning: "!", deployable: "✓" };
  const GRADES = Object.keys(SIGNS); // the worst first
  const PAGE = 200; // rows drawn at a time
  const find = (id) => document.getElementById(id);

  // Text of hosts only ever becomes text nodes and attributes.
  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  const gradeOf = (number) => (number < 0 ? "unknown" : data.results[number].grade);
  const said = data.results.map((result) =>
    result.findings.map((f) => `${f.code} ${f.message}`).join(" ").toLowerCase());
  const groups = data.groups.map((group) => ({
    ...group,
    worst: GRADES[Math.min(...group.results.map((n) => GRADES.indexOf(gradeOf(n))), GRADES.length - 1)],
    text: [group.system, group.why || "", ...(group.rows || []).flat(), ...new Set(group.results.map((n) => said[n] || ""))].join(" ").toLowerCase(),
    lower: group.hosts.map((name) => name.toLowerCase()),
  }));
  groups.sort((a, b) => GRADES.indexOf(a.worst) - GRADES.indexOf(b.worst) || b.hosts.length - a.hosts.length);

  function totals() {
    const counts = Object.fromEntries(GRADES.map((grade) => [grade, 0]));
    for (const group of groups) for (const n of group.results) counts[gradeOf(n)] += group.hosts.length;
    find("totals").replaceChildren(...GRADES.map((grade) =>
      element("li", { class: grade }, element("b", {}, counts[grade].toLocaleString("en")),
        `${SIGNS[grade]} ${grade === "warning" ? "deployable, with a warning" : grade}`)));
  }

  function heading() {
    const cells = binaries.map((binary) => {
      const cell = element("th", { scope: "col", title: `${binary.path}: ${binary.about}` });
      cell.append(element("span", { class: "name" }, binary.name));
      return cell;
    });
    document.querySelector("#matrix thead").replaceChildren(
      element("tr", {}, element("th", { scope: "col" }, "Hosts"), ...cells));
  }

  function label(group, hosts) {
    if (hosts.length === group.hosts.length) return group.label;
    return hosts.length > 3 ? `${hosts.slice(0, 3).join(", ")}, …` : hosts.join(", ");
  }

  function row({ group, hosts }) {
    const named = label(group, hosts);
    const open = element("button", { type: "button" }, `${hosts.length.toLocaleString("en")} ${hosts.length === 1 ? "host" : "hosts"}`);
    open.addEventListener("click", () => showHosts(group, hosts));
    const cells = group.results.map((number, column) => {
      const grade = gradeOf(number);
      const button = element("button", { type: "button", class: grade }, `${SIGNS[grade]} ${grade}`);
      button.setAttribute("aria-label", `${grade}: ${binaries[column].name} on ${named}`);
      button.addEventListener("click", () => showResult(group, column, named));
      return element("td", { "data-binary": binaries[column].name }, button);
    });
    const system = element("span", { class: "system" }, group.why || group.system);
    return element("tr", {}, element("th", { scope: "row" }, element("span", { class: "name" }, named), " ", open, system), ...cells);
  }

  let matching = [];
  let drawn = 0;

  function filter() {
    const words = find("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const grades = new Set([...document.querySelectorAll("[name=grade]:checked")].map((box) => box.value));
    matching = [];
    for (const group of groups) {
      if (!group.results.some((n) => grades.has(gradeOf(n))) && (group.results.length || !grades.has("unknown"))) continue;
      const left = words.filter((word) => !group.text.includes(word));
      const hosts = left.length
        ? group.hosts.filter((_, i) => left.every((word) => group.lower[i].includes(word)))
        : group.hosts;
      if (hosts.length) matching.push({ group, hosts });
    }
    drawn = 0;
    document.querySelector("#matrix tbody").replaceChildren();
    draw();
    const count = matching.reduce((sum, match) => sum + match.hosts.length, 0);
    find("shown").textContent = `${count.toLocaleString("en")} hosts in ${matching.length.toLocaleString("en")} groups`;
  }

  function draw() {
    const rows = matching.slice(drawn, drawn + PAGE).map(row);
    document.querySelector("#matrix tbody").append(...rows);
    drawn += rows.length;
    find("more").hidden = drawn >= matching.length;
  }

  function open(title, ...body) {
    find("details-title").textContent = title;
    find("details-body").replaceChildren(...body);
    find("details").showModal();
  }

  function showHosts(group, hosts) {
    const list = element("p", { class: "name" }, hosts.slice(0, 2000).join(", "));
    const rest = hosts.length > 2000 ? [element("p", {}, `and ${(hosts.length - 2000).toLocaleString("en")} more`)] : [];
    open(group.system || "Hosts", list, ...rest, ...facts(group.rows || []));
  }

  function facts(rows) {
    const lines = rows.map(([title, value]) =>
      element("tr", {}, element("th", { scope: "row" }, title), element("td", {}, value)));
    return lines.length ? [element("table", {}, element("tbody", {}, ...lines))] : [];
  }

  function notes() {
    const sections = (data.head.notes || []).flatMap(([title, lines]) => [element("h2", {}, title), ...list("", lines)]);
    find("notes").replaceChildren(...sections);
  }

  function showResult(group, column, named) {
    const result = data.results[group.results[column]];
    const title = `${binaries[column].name} on ${named}`;
    const about = element("p", {}, `${binaries[column].path}: ${binaries[column].about}`);
    if (!result) return open(title, about, element("p", {}, group.why || "not judged: the run was cut off"));
    const says = result.says
      ? [element("p", { class: "says" }, "The host would say: ", element("code", {}, result.says))] : [];
    const none = result.findings.length ? [] : [element("p", { class: "deployable" }, "✓ Everything that it needs is there.")];
    open(title, about, ...says, ...none, ...result.findings.flatMap(finding), ...libraries(result));
  }

  function list(title, lines) {
    if (!lines.length) return [];
    return [...(title ? [element("p", {}, title)] : []), element("ul", {}, ...lines.map((line) => element("li", {}, element("code", {}, line))))];
  }

  function finding(found) {
    const grade = { error: "blocked", unknown: "unknown", warning: "warning" }[found.severity] || "";
    const needed = found.needed_by ? [element("p", {}, "needed by ", element("code", {}, found.needed_by))] : [];
    return [
      element("h3", { class: grade }, found.code), element("p", {}, found.message), ...needed,
      ...(found.waived ? [element("p", {}, found.waived)] : []), ...list("Evidence", found.evidence), ...list("To mend", found.mends),
    ];
  }

  function libraries(result) {
    if (!result.libraries) return [];
    const rows = result.libraries.map((cells) => element("tr", {}, ...cells.map((cell) => element("td", {}, element("code", {}, cell)))));
    const titles = ["Library", "Found", "Rule", "Needed by"].map((title) => element("th", { scope: "col" }, title));
    return [element("h3", {}, "Libraries"), element("div", { class: "scroll" },
      element("table", {}, element("thead", {}, element("tr", {}, ...titles)), element("tbody", {}, ...rows)))];
  }

  function picture({ title, bars }) {
    const most = Math.max(...bars.map(([, number]) => number));
    const rows = bars.map(([name, number]) => element("tr", {},
      element("th", { scope: "row" }, name),
      element("td", {}, element("meter", { max: most, value: number, "aria-hidden": "true" })),
      element("td", {}, number.toLocaleString("en"))));
    return element("figure", {}, element("figcaption", {}, title), element("table", {}, element("tbody", {}, ...rows)));
  }

  document.querySelector("main").hidden = false;
  document.body.classList.toggle("audit", !binaries.length);
  totals();
  notes();
  heading();
  filter();
  find("pictures").replaceChildren(...pictures.map(picture));
  find("fleet").hidden = !pictures.length;
  find("filters").addEventListener("input", filter);
  find("filters").addEventListener("submit", (event) => event.preventDefault());
  find("more").addEventListener("click", draw);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !find("details").open && document.activeElement !== find("search")) {
      event.preventDefault();
      find("search").focus();
    }
  });
})();
