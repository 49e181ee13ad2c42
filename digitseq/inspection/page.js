"use strict";
// Text from files is inserted as text, never as markup.
const data = JSON.parse(document.getElementById("data").textContent);
const report = data.report, scores = report.scores, items = data.items;
const $ = (id) => document.getElementById(id);
const count = (n) => n.toLocaleString("en");
const percent = (x) => (100 * x).toFixed(x > 0 && x < 0.001 ? 3 : x > 0.999 && x < 1 ? 2 : 1) + " %";
const fixed = (x, digits) => (x === null || x === undefined ? "–" : Number(x).toFixed(digits));

function make(tag, text, className) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
}

// --- Numbers and findings -------------------------------------------------------------------------------

function number(value, what) {
  const box = make("div", undefined, "number");
  box.append(make("b", value), make("span", what));
  $("numbers").append(box);
}

function showNumbers() {
  const some = report.inspected < report.images ? `, ${count(report.inspected)} of them inspected` : "";
  $("summary").textContent = `${report.kind}, ${count(report.images)} image${report.images === 1 ? "" : "s"}${some}`;
  if (scores) {
    number(percent(scores.sequence_accuracy), `sequence accuracy (n = ${count(scores.images)})`);
    number(percent(scores.cer), "character error rate");
    number(count(scores.substitutions), "substitutions");
    number(count(scores.insertions), "insertions");
    number(count(scores.deletions), "deletions");
  }
  const faults = report.findings.filter((f) => f.fault).reduce((sum, f) => sum + f.count, 0);
  number(count(faults), "faults");
  for (const [split, images] of Object.entries(report.splits)) number(count(images), `images in ${split}`);
  number(count(report.labels), "distinct labels");
  number(count(report.twins), "duplicate images");
  const spacing = report.spacing, promised = spacing.promised_px;
  if (spacing.spread) {
    const untold = spacing.unseen + spacing.skipped;
    const of = untold ? `${count(spacing.measured)} of ${count(spacing.measured + untold)} gaps` : "all gaps";
    number(`${spacing.spread.least} to ${spacing.spread.greatest} px`, `measured spacing, ${of}` + (promised ? ` (specified: ${promised[0]}–${promised[1]})` : ""));
  }
  if (report.glyphs) number(count(report.glyphs[0]), `distinct glyphs (max. reuse ${count(report.glyphs[1])}×)`);
}

function showFindings() {
  const all = [...report.findings];
  for (const note of scores ? scores.notes : []) all.unshift({ fault: false, count: 0, sentence: note, examples: [] });
  if (!all.length) return;
  $("findings").append(make("h2", "Findings"));
  for (const finding of all) {
    const box = make("div", undefined, finding.fault ? "finding fault" : "finding");
    box.append(make("div", `${finding.fault ? "Fault" : "Note"}${finding.count ? ` (${count(finding.count)})` : ""}: ${finding.sentence}`));
    const list = make("ul");
    for (const example of finding.examples) list.append(make("li", example));
    if (finding.examples.length) box.append(list);
    $("findings").append(box);
  }
}

// --- Charts ---------------------------------------------------------------------------------------------

function figure(parent, title, note, content) {
  const box = make("figure"), caption = make("figcaption", title);
  if (note) caption.append(make("small", note));
  box.append(caption, content);
  parent.append(box);
  return box;
}

function svg(tag, attributes, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

// Rows: [name, value, tooltip, text above the bar, whether it is based on few items].
function bars(title, rows) {
  const width = 320, height = 130, low = 112, step = width / Math.max(rows.length, 1);
  const chart = svg("svg", { viewBox: `-8 -8 ${width + 16} ${height + 8}`, role: "img", "aria-label": title + ": " + rows.map((r) => r[2]).join("; ").slice(0, 2000) });
  const top = Math.max(1e-9, ...rows.map((r) => r[1])), every = Math.ceil(rows.length / 11);
  chart.append(svg("line", { x1: 0, x2: width, y1: low, y2: low }));
  rows.forEach(([name, value, tip, mark, little], i) => {
    const tall = Math.max(value > 0 ? 1 : 0, (value / top) * (low - 8));
    const bar = svg("rect", { x: i * step + step * 0.1, y: low - tall, width: step * 0.8, height: tall });
    bar.append(svg("title", {}, tip));
    if (little) bar.classList.add("little");
    chart.append(bar);
    if (rows.length <= 12) chart.append(svg("text", { x: i * step + step / 2, y: low - tall - 3, "text-anchor": "middle" }, rows.length > 7 ? mark.replace(" %", "") : mark));
    if (i % every === 0) chart.append(svg("text", { x: i * step + step / 2, y: height - 4, "text-anchor": "middle" }, name));
  });
  return chart;
}

function histogram(counts) {
  const total = counts.reduce((sum, row) => sum + row[1], 0) || 1;
  return counts.map(([name, n]) => [name, n, `${name}: ${count(n)} (${percent(n / total)})`, percent(n / total)]);
}

function showCharts() {
  const parent = make("div", undefined, "charts");
  const add = (title, note, rows) => rows.length && figure(parent, title, note, bars(title, rows));
  const digits = report.digits.reduce((a, b) => a + b, 0) || 1;
  add("Digit distribution", "share of all digits, %; 10 each if uniform", report.digits.map((n, d) => [String(d), n / digits, `${d}: ${count(n)} (${percent(n / digits)})`, (100 * n / digits).toFixed(1)]));
  add("Label length", "images by number of digits", histogram(Object.entries(report.lengths)));
  const spacing = report.spacing, from = spacing.measured_from;
  const kind = from === "tile" ? "between ink; the recipe specifies 28 px tiles, whose blank margins add to it" : from === "contour" ? "between the nearest points of neighbours" : "between ink";
  const gaps = Object.entries(spacing.counts).map(([px, n]) => [Number(px), n]).sort((a, b) => a[0] - b[0]);
  const rows = spacing.touching ? [["touch", spacing.touching], ...gaps] : gaps;
  add("Measured spacing, px", `${kind}: ${count(spacing.measured)} gaps measured, ${count(spacing.different)} not as specified, ${count(spacing.unseen + spacing.skipped)} not measured`, histogram(rows.map(([px, n]) => [String(px), n])));
  add("Width use", "share of the width from first to last inked column", histogram(report.width_use_counts.map((n, i) => [`${i * 5} %`, n])));
  add("Ink", "mean brightness of the image, 0–255", histogram(report.ink_counts.map((n, i) => [String(Math.round((255 * report.ink.greatest * i) / report.ink_counts.length)), n])));
  if (data.heat.length) {
    const canvas = make("canvas");
    canvas.id = "heat";
    const height = data.heat.length, width = data.heat[0].length;
    canvas.width = width;
    canvas.height = height;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", "Ink heat map: mean brightness at each position");
    const context = canvas.getContext("2d"), picture = context.createImageData(width, height);
    data.heat.flat().forEach((v, i) => picture.data.set([Math.min(255, v * 1.6), v, Math.max(0, v * 1.5 - 130), 255], 4 * i));
    context.putImageData(picture, 0, 0);
    figure(parent, "Ink heat map", `mean brightness at each position, 0–255; maximum ${data.heat_most}`, canvas).className = "whole";
  }
  $("charts").append(make("h2", "Charts"), parent);
}

const FEW = 20;

function showScores() {
  if (!scores) return;
  const parent = make("div", undefined, "charts");
  const add = (title, note, rates) => rates.length && figure(parent, title, note, bars(title, rates.map((r) => [r.group.replace(/^.* to /, "≤ "), 1 - r.share, `${r.group}: ${count(r.of - r.right)} of ${count(r.of)} wrong (${percent(1 - r.share)})`, percent(1 - r.share), r.of < FEW])));
  add("Error rate by length", "wrong images, by label length", scores.by_length);
  add("Error rate by spacing, px", "wrong digits, by the spacing on their narrower side", scores.by_spacing);
  add("Error rate by digit", "wrong digits, by true digit", scores.by_digit);
  add("Error rate by position", "wrong digits, by position from the left", scores.by_position);
  if (scores.by_split.length > 1) add("Error rate by split", "wrong images, by split", scores.by_split);
  for (const [effect, rates] of Object.entries(scores.by_effect)) add(`Error rate by ${effect}`, "wrong images, by mean strength over their digits", rates);
  const table = make("table"), head = make("tr");
  head.append(make("th", "true \\ predicted"), ..."0123456789".split("").map((d) => make("th", d)), make("th", "other"), make("th", "none"));
  table.append(head);
  scores.confusion.forEach((row, shown) => {
    const line = make("tr"), total = row.reduce((a, b) => a + b, 0) || 1;
    line.append(make("th", shown < 10 ? String(shown) : "none"));
    row.forEach((n, read) => {
      const cell = make("td", n ? count(n) : "");
      if (n) cell.style.background = `rgba(var(${shown === read && shown < 10 ? "--heat" : "--hot"}), ${Math.min(0.85, 0.12 + (shown === read && shown < 10 ? 0.25 : 6) * (n / total))})`;
      line.append(cell);
    });
    table.append(line);
  });
  figure(parent, "Confusion matrix", "rows: true digit; columns: predicted", table).className = "whole";
  $("scores").append(make("h2", "Predictions"), make("p", `Pale bars are based on fewer than ${FEW} images or digits.`), parent);
}

// --- Images ---------------------------------------------------------------------------------------------

const PAGE = 60;
const pictures = data.sprites.map((source) => {
  const picture = new Image();
  picture.src = source;
  return picture;
});
// If a sprite cannot be decoded, its images stay blank; the others are not affected.
const ready = Promise.allSettled(pictures.map((picture) => picture.decode()));
let chosen = [], drawn = 0;

function draw(canvas, item, scale, boxes) {
  const [sprite, top, height] = item.at;
  canvas.width = item.w * scale;
  canvas.height = height * scale;
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  if (pictures[sprite].naturalWidth) context.drawImage(pictures[sprite], 0, top, item.w, height, 0, 0, canvas.width, canvas.height);
  if (!boxes) return;
  context.strokeStyle = "#18b4ff";
  for (const [x, y, w, h] of item.boxes) context.strokeRect(x * scale + 0.5, y * scale + 0.5, w * scale - 1, h * scale - 1);
}

function reading(item) {
  const text = make("div", undefined, "text");
  if (!item.wrong) {
    text.append(make("span", item.label || item.name, item.read !== null ? "good" : ""));
    return text;
  }
  const above = make("div"), below = make("div");
  [...item.above].forEach((c, i) => above.append(make("span", c, [...item.below][i] === c ? "" : "bad")));
  [...item.below].forEach((c, i) => below.append(make("span", c === " " ? "·" : c, [...item.above][i] === c ? "" : "bad")));
  text.append(above, below);
  return text;
}

const itemOf = new WeakMap();

function card(item) {
  const box = make("li", undefined, (item.wrong ? "wrong" : "") + (item.faults.length ? " faulty" : ""));
  itemOf.set(box, item);
  box.tabIndex = -1;
  const canvas = make("canvas");
  canvas.setAttribute("role", "img");
  const said = item.read === null ? "" : `, predicted ${item.read || "nothing"}`;
  canvas.setAttribute("aria-label", `label ${item.label}${said}${item.faults.length ? ", with faults" : ""}`);
  draw(canvas, item, Number($("zoom").value), $("boxes").checked);
  box.append(item.missing ? make("div", "no image", "bad") : canvas, reading(item));
  if (item.faults.length) box.append(make("div", item.faults[0], "text bad"));
  box.addEventListener("click", () => showOne(item));
  box.addEventListener("focus", () => current && current !== box && ((current.tabIndex = -1), (current = box), (box.tabIndex = 0)));
  return box;
}
let current = null;

function more() {
  for (const item of chosen.slice(drawn, drawn + PAGE)) $("grid").append(card(item));
  drawn = Math.min(chosen.length, drawn + PAGE);
  $("more").hidden = drawn >= chosen.length;
  if (!current && $("grid").firstChild) (current = $("grid").firstChild).tabIndex = 0;
}

// Each part between two stars matches at its first occurrence, without backtracking.
function pattern(text) {
  const parts = text.replace(/#/g, "[0-9]").split(/\*+/), first = parts.shift(), last = parts.pop();
  if (last === undefined) return new RegExp(`^${first}$`);
  return new RegExp(`^${first}` + parts.map((part, i) => `(?=(.*?${part}))\\${i + 1}`).join("") + `.*${last}$`);
}

const orders = {
  "default order": null,
  label: (a, b) => (a.label < b.label ? -1 : a.label > b.label ? 1 : 0),
  "shortest label": (a, b) => a.digits - b.digits,
  "longest label": (a, b) => b.digits - a.digits,
  widest: (a, b) => b.extent - a.extent,
  narrowest: (a, b) => (a.extent || Infinity) - (b.extent || Infinity),
  "most ink": (a, b) => b.ink - a.ink,
  "least ink": (a, b) => a.ink - b.ink,
  "smallest spacing": (a, b) => (a.room ?? Infinity) - (b.room ?? Infinity),
};
if (scores) {
  orders["worst errors first"] = (a, b) => b.errors / Math.max(1, b.digits) - a.errors / Math.max(1, a.digits) || (b.confidence || 0) - (a.confidence || 0);
  orders["lowest confidence"] = (a, b) => (a.confidence ?? 2) - (b.confidence ?? 2);
}

function update() {
  const typed = $("filter").value.trim(), fits = /^[0-9#*]*$/.test(typed);
  const wanted = typed && fits ? pattern(typed) : null, length = $("length").value, split = $("split").value, errors = $("errors").checked, faults = $("faults").checked;
  chosen = items.filter((item) => (!wanted || wanted.test(item.label)) && (!length || String(item.digits) === length) && (!split || item.split === split) && (!errors || item.wrong) && (!faults || item.faults.length) && fits);
  const order = orders[$("sort").value];
  if (order) chosen.sort(order);
  const here = items.length < report.inspected ? ` on this page (${count(report.inspected)} inspected)` : "";
  $("shown").textContent = fits ? `showing ${count(chosen.length)} of ${count(items.length)}${here}` : "invalid label pattern: use digits, # for any digit, * for any number of digits";
  $("grid").replaceChildren();
  drawn = 0;
  current = null;
  more();
}

function showOne(item) {
  $("facts").replaceChildren();
  const add = (name, value) => value !== null && value !== undefined && value !== "" && $("facts").append(make("dt", name), make("dd", value));
  add("image", item.name);
  add("split", item.split);
  add("label", item.label);
  for (const fault of item.faults) add("fault", fault);
  if (item.read !== null) add("prediction", item.read || "(empty)");
  add("confidence", item.confidence);
  add("errors", item.read === null ? null : item.errors);
  if (!item.missing) add("width", `${item.width} px`);
  add("spacing", item.gaps.length ? `${item.gaps.map((g) => (g === null ? "?" : g)).join(", ")} px` : null);
  add("ink", fixed(item.ink, 3));
  for (const [effect, strength] of Object.entries(item.effects)) add(effect, fixed(strength, 3));
  draw($("large"), item, Math.max(1, Math.min(6, Math.floor((window.innerWidth - 80) / item.w))), true);
  $("large").hidden = item.missing;
  $("one").showModal();
}

// --- Controls and keyboard ------------------------------------------------------------------------------

function options(select, values, all) {
  if (all) select.append(Object.assign(make("option", all), { value: "" }));
  for (const value of values) select.append(make("option", value));
}

function dark() {
  const now = document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  document.documentElement.dataset.theme = now === "dark" ? "light" : "dark";
}

function toggle(id) {
  if ($(id).closest("[hidden]")) return;
  $(id).checked = !$(id).checked;
  changed({ target: $(id) });
}

function changed(event) {
  if (event.target.id !== "boxes" && event.target.id !== "zoom") return update();
  for (const box of $("grid").children) draw(box.querySelector("canvas") || make("canvas"), itemOf.get(box), Number($("zoom").value), $("boxes").checked);
}

function move(key) {
  const cards = [...$("grid").children], here = cards.indexOf(current);
  if (!cards.length) return;
  const first = cards[0].offsetTop, row = cards.findIndex((c) => c.offsetTop > first), across = row > 0 ? row : cards.length;
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across };
  const target = key === "Home" ? 0 : key === "End" ? cards.length - 1 : Math.max(0, Math.min(cards.length - 1, here + steps[key]));
  if (target > cards.length - across - 1 && !$("more").hidden) more();
  current.tabIndex = -1;
  current = $("grid").children[target];
  current.tabIndex = 0;
  current.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const typing = event.target.matches("input[type=search], select");
  if (event.key === "Escape" && typing) event.target.blur();
  if (typing) return;
  const inGrid = event.target.closest && event.target.closest("#grid");
  const actions = { "/": () => $("filter").focus(), b: () => toggle("boxes"), e: () => scores && toggle("errors"), d: dark, "?": () => $("keys").showModal() };
  if (actions[event.key]) {
    event.preventDefault();
    actions[event.key]();
  } else if (["ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp", "Home", "End"].includes(event.key) && inGrid) {
    event.preventDefault();
    move(event.key);
  } else if ((event.key === "Enter" || event.key === " ") && inGrid) {
    event.preventDefault(); // otherwise the same key press would activate the close button of the dialog
    current.click();
  }
});

showNumbers();
showFindings();
showScores();
showCharts();
$("stated").textContent = data.stated;
options($("length"), [...new Set(items.map((item) => item.digits))].sort((a, b) => a - b), "any");
options($("split"), [...new Set(items.map((item) => item.split))], "any");
options($("sort"), Object.keys(orders));
$("only-errors").hidden = !scores;
$("only-faults").hidden = !items.some((item) => item.faults.length);
if (scores) $("sort").value = "worst errors first";
$("shown").textContent = "Loading images …";
$("theme").addEventListener("click", dark);
$("help").addEventListener("click", () => $("keys").showModal());
$("more").addEventListener("click", more);
$("tools").addEventListener("input", changed);
$("tools").addEventListener("submit", (event) => event.preventDefault());
ready.then(() => {
  update();
  document.documentElement.dataset.ready = "yes";
});
