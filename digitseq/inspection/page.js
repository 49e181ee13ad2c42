"use strict";
// Text from files is inserted as text, never as markup.
const data = JSON.parse(document.getElementById("data").textContent);
const items = data.items, charts = new Map(data.charts.map((chart) => [chart.key, chart]));
const $ = (id) => document.getElementById(id);
const count = (n) => n.toLocaleString("en");
const plural = (n, word) => `${count(n)} ${word}${n === 1 ? "" : "s"}`;
// Only 0 and 1 are shown as 0% and 100%.
function percent(share) {
  let places = 1;
  while (share > 0 && share !== 1 && [0, 100].includes(Number((100 * share).toFixed(places))) && places < 9) places++;
  return `${(100 * share).toFixed(places)}%`;
}

function make(tag, text, className) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
}

function button(text, act, className) {
  const made = make("button", text, className);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

// --- Filters ----------------------------------------------------------------------------------------------

// The filters are in the fragment of the address: label, length, split, view, sort, errors, faults, and the
// chosen bar or cell of each chart, as its key and the number of the bar.
const FIELDS = ["label", "length", "split", "view", "sort"], SWITCHES = ["errors", "faults"];
const usual = data.orders[0];
let picks = new Map(), chosen = [];

function pickName(key, value) {
  if (key === "finding") return data.findings[value]?.sentence;
  if (key === "confusion") {
    const [row, column] = value.split("-").map(Number), names = [..."0123456789", "another character"];
    if (!(row <= 10 && column <= 11)) return undefined;
    if (row === 10) return `${names[column] ?? "nothing"} inserted`;
    return column === 11 ? `${row} missed` : row === column ? `${row} read correctly` : `${row} read as ${names[column]}`;
  }
  const series = value.endsWith("b") ? 1 : 0, chart = charts.get(key);
  const said = chart?.bars[parseInt(value)]?.said;
  return said && (chart.series.length > 1 ? `${said} (${chart.series[series]})` : said);
}

function has(item, key, value) {
  if (key === "confusion") {
    const [row, column] = value.split("-").map(Number);
    return (item.in.confusion || []).includes(12 * row + column);
  }
  const name = value.endsWith("b") ? `${key}.b` : key;
  return (item.in[name] || []).includes(parseInt(value));
}

function fragment() {
  const words = new URLSearchParams();
  for (const id of FIELDS) if ($(id).value && !(id === "sort" && $(id).value === usual)) words.set(id, $(id).value);
  for (const id of SWITCHES) if ($(id).checked) words.set(id, "1");
  for (const [key, value] of picks) words.set(key, value);
  return String(words);
}

function restore() {
  const words = new URLSearchParams(location.hash.slice(1));
  for (const id of FIELDS) {
    const value = words.get(id) ?? (id === "sort" ? usual : "");
    $(id).value = value;
    if ($(id).value !== value) $(id).value = id === "sort" ? usual : ""; // no such choice on this page
  }
  for (const id of SWITCHES) $(id).checked = words.get(id) === "1";
  picks = new Map([...words].filter(([key, value]) => ![...FIELDS, ...SWITCHES].includes(key) && /^\d+(-\d+|b)?$/.test(value) && pickName(key, value)));
  render();
}

function filtered(typing = false) {
  const depth = history.state?.depth || 0, address = `#${fragment()}`;
  if (address !== (location.hash || "#")) {
    // What is typed is one step, from the first letter until another control is used.
    if (typing && history.state?.typing) history.replaceState({ depth, typing }, "", address);
    else history.pushState({ depth: depth + 1, typing }, "", address);
  }
  render();
}

function pick(key, value, show = true) {
  if (picks.get(key) === value) picks.delete(key);
  else picks.set(key, value);
  filtered();
  if (show && picks.has(key)) $("samples").scrollIntoView({ block: "start" });
}

function clear() {
  for (const id of ["label", "length", "split", "view"]) $(id).value = "";
  for (const id of SWITCHES) $(id).checked = false;
  picks.clear();
  filtered();
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
  "worst errors first": (a, b) => b.errors / Math.max(1, b.digits) - a.errors / Math.max(1, a.digits) || (b.confidence || 0) - (a.confidence || 0),
  "lowest confidence": (a, b) => (a.confidence ?? 2) - (b.confidence ?? 2),
};

function render() {
  const typed = $("label").value.trim(), fits = /^[0-9#*]*$/.test(typed), wanted = typed && fits ? pattern(typed) : null;
  const length = $("length").value, split = $("split").value, view = $("view").value, errors = $("errors").checked, faults = $("faults").checked;
  chosen = items.filter((item) => fits && (!wanted || wanted.test(item.label)) && (!length || String(item.digits) === length) && (!split || item.split === split) && (!view || item.views.includes(view)) && (!errors || item.wrong || item.second?.wrong) && (!faults || item.faults.length || item.second?.faults?.length) && [...picks].every(([key, value]) => has(item, key, value)));
  const order = orders[$("sort").value];
  if (order) chosen.sort(order);
  const names = [...picks].map(([key, value]) => pickName(key, value)), some = items.length < data.inspected;
  if (typed) names.push(`label ${typed}`);
  if (length) names.push(`length ${length}`);
  if (split) names.push(`split ${split}`);
  if (view) names.push(view);
  if (errors) names.push("errors only");
  if (faults) names.push("faults only");
  const where = some ? ` of ${count(items.length)} on this page (${count(data.inspected)} inspected)` : ` of ${count(items.length)}`;
  $("shown").textContent = !fits ? "invalid label pattern: use digits, # for any digit, * for any number of digits" : names.length ? `${names.join(", ")}: ${plural(chosen.length, "image")}${some ? " on this page" : ""}` : `showing ${count(chosen.length)}${where}`;
  const chip = (name, remove) => {
    const made = button(`${name} ✕`, remove);
    made.setAttribute("aria-label", `remove the filter ${name}`);
    return made;
  };
  $("chips").replaceChildren(
    ...[...picks].map(([key, value]) => chip(pickName(key, value), () => pick(key, value, false))),
    ...["length", "split"].filter((id) => $(id).value).map((id) => chip(`${id} ${$(id).value}`, () => (($(id).value = ""), filtered()))),
  );
  $("clear").hidden = !names.length;
  for (const mark of document.querySelectorAll("[data-pick]")) mark.setAttribute("aria-pressed", String(picks.get(mark.dataset.key) === mark.dataset.pick));
  // Columns as wide as nearly all images; the few that are wider are shrunk.
  const widths = chosen.map((item) => (item.missing ? 28 : item.w) + (data.models ? 0 : item.second?.w || 0)).sort((a, b) => a - b);
  const widest = Math.max(190, Number($("zoom").value) * (widths[Math.floor(0.95 * (widths.length - 1))] || 0) + 20);
  $("grid").style.gridTemplateColumns = `repeat(auto-fill, minmax(min(100%, ${widest}px), 1fr))`;
  $("grid").replaceChildren();
  $("gallery").scrollTop = 0;
  current = null;
  more();
}

function picker(element, key, value) {
  Object.assign(element.dataset, { key, pick: value });
  element.setAttribute("aria-pressed", "false");
  return element;
}

// --- Result and findings ------------------------------------------------------------------------------------

function showVerdict() {
  $("summary").textContent = data.summary;
  for (const [value, what, mood] of data.verdict) {
    const box = make("div", undefined, mood);
    box.append(make("b", value), make("span", what));
    $("verdict").append(box);
  }
  if (!data.confused.length) return;
  const line = make("p", "Most frequent errors: ");
  data.confused.forEach(([key, value, n], i) => {
    const name = pickName(key, value);
    line.append(i ? ", " : "", picker(button(`${name} (${count(n)})`, () => pick(key, value), "link"), key, value));
  });
  $("verdict").append(line);
}

function showFindings() {
  data.findings.forEach((finding, number) => {
    const box = make("div", undefined, finding.fault ? "finding fault" : "finding");
    const said = `${finding.fault ? "Fault" : "Note"}${finding.count ? ` (${count(finding.count)})` : ""}: ${finding.sentence}`;
    if (finding.images) box.append(picker(button(said, () => pick("finding", String(number)), "link"), "finding", String(number)));
    else box.append(make("span", said));
    if (finding.examples.length) {
      const more = make("details"), list = make("ul");
      more.open = finding.examples.length <= 3;
      more.append(make("summary", finding.examples.length < finding.count ? "first examples" : "all examples"), list);
      list.append(...finding.examples.map((example) => make("li", example)));
      box.append(more);
    }
    $("findings").append(box);
  });
}

// --- Charts ---------------------------------------------------------------------------------------------------

function figure(title, notes, ...content) {
  const box = make("figure"), caption = make("figcaption", title);
  for (const note of notes) if (note) caption.append(make("small", note));
  box.append(caption, ...content);
  return box;
}

// The next round number: 1, 2 or 5 times a power of ten.
function round(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-4)));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= value * 0.999999);
}

function plot(chart) {
  const box = make("div", undefined, "plot"), top = round(Math.max(...chart.bars.flatMap((bar) => bar.values)));
  for (const share of [0, 0.5, 1]) {
    const tick = make("div", undefined, "tick");
    tick.append(make("span", `${Number((100 * top * share).toPrecision(3))}%`));
    tick.style.bottom = `${100 * share}%`;
    box.append(tick);
  }
  chart.bars.forEach((bar, number) => {
    bar.values.forEach((value, series) => {
      // Two series: two buttons side by side, each with its own images.
      const made = button(undefined, () => pick(chart.key, number + (series ? "b" : "")), `bar${bar.few ? " few" : ""}`);
      const fill = make("i", undefined, value ? "" : "none");
      fill.style.height = `${(100 * value) / top}%`;
      if (series) fill.style.background = "var(--second)";
      made.append(fill);
      made.title = bar.tips[series];
      made.setAttribute("aria-label", bar.tips[series]);
      made.tabIndex = number || series ? -1 : 0;
      picker(made, chart.key, number + (series ? "b" : ""));
      if (chart.bars.length * bar.values.length <= 12) {
        const mark = make("span", bar.marks[series] + (bar.few ? "*" : ""), "value");
        mark.style.bottom = `calc(${(100 * value) / top}% + 3px)`;
        made.append(mark);
      }
      if (!series) made.append(make("span", bar.name, bar.values.length > 1 ? "group pair" : "group"));
      box.append(made);
    });
  });
  box.addEventListener("keydown", (event) => {
    const bars = [...box.querySelectorAll(".bar")], here = bars.indexOf(event.target);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (here < 0 || !(step || event.key === "Home" || event.key === "End")) return;
    event.preventDefault();
    const target = event.key === "Home" ? 0 : event.key === "End" ? bars.length - 1 : Math.max(0, Math.min(bars.length - 1, here + step));
    bars[here].tabIndex = -1;
    bars[target].tabIndex = 0;
    bars[target].focus();
  });
  return box;
}

// Labels and values that would run into each other are left out.
function thin() {
  for (const box of document.querySelectorAll(".plot")) {
    for (const kind of ["group", "value"]) {
      const texts = [...box.querySelectorAll(`.${kind}`)];
      texts.forEach((text) => (text.hidden = false));
      const widest = Math.max(0, ...texts.map((text) => text.offsetWidth)) + 6;
      const across = texts.length ? box.clientWidth / texts.length : 1, every = Math.ceil(widest / across);
      texts.forEach((text, i) => (text.hidden = kind === "group" ? i % every > 0 : every > 1));
    }
  }
}

function showCharts() {
  for (const [title, errors] of [["Errors", true], ["Data", false]]) {
    const parent = make("div", undefined, "charts");
    for (const chart of data.charts.filter((one) => one.errors === errors)) {
      const few = chart.bars.some((bar) => bar.few) ? `* Fewer than ${data.few}: interpret with care.` : "";
      const box = figure(chart.title, [chart.note, chart.summary, few], plot(chart));
      if (chart.series.length > 1) {
        const key = make("p", undefined, "key");
        key.append(...chart.series.flatMap((name, i) => [make("b", "■"), ` ${name} `]));
        box.append(key);
      }
      parent.append(box);
    }
    if (errors && data.confusion) parent.append(matrix());
    if (!errors && data.numbers.length) {
      const list = make("dl");
      list.id = "numbers";
      for (const [value, what] of data.numbers) {
        const pair = make("div");
        pair.append(make("dt", what), make("dd", value));
        list.append(pair);
      }
      if (!parent.children.length && !data.heat.length) continue;
      $("charts").append(make("h2", title), list, parent);
    } else if (parent.children.length) $("charts").append(make("h2", title), make("p", "Click a bar or a cell to see its images."), parent);
    if (!errors && data.heat.length) parent.append(heat());
  }
}

function matrix() {
  const table = make("table"), head = make("tr"), corner = make("td");
  head.append(corner, ...[..."0123456789", "?", "–"].map((name) => Object.assign(make("th", name), { scope: "col" })));
  table.append(head);
  data.confusion.forEach((row, shown) => {
    const line = make("tr"), total = row.reduce((a, b) => a + b, 0);
    if (!total) return;
    line.append(Object.assign(make("th", shown < 10 ? String(shown) : "–"), { scope: "row" }));
    row.forEach((n, read) => {
      const cell = make("td"), right = shown === read && shown < 10;
      if (n) {
        // Shares of few digits would be coloured as strongly as those of many: count a row as at least 20.
        const share = n / Math.max(total, data.few), name = pickName("confusion", `${shown}-${read}`);
        cell.style.background = right ? `rgb(var(--cold) / ${0.3 * share})` : `rgb(var(--hot) / ${Math.min(0.5, 2.5 * share)})`;
        const said = `${name}: ${count(n)} of ${count(total)} (${percent(n / total)})`;
        const made = picker(button(count(n), () => pick("confusion", `${shown}-${read}`)), "confusion", `${shown}-${read}`);
        made.title = said;
        made.setAttribute("aria-label", said);
        cell.append(made);
      }
      line.append(cell);
    });
    table.append(line);
  });
  const wide = make("div", undefined, "wide"), worst = data.confused.filter(([key]) => key === "confusion").map(([key, value, n]) => `${pickName(key, value)} (${count(n)})`);
  wide.tabIndex = 0;
  wide.append(table);
  const box = figure("Confusion matrix", ["Rows: true digit; columns: prediction (?: another character, –: nothing). Red: share of the row; full red from 20%.", worst.length ? `Most frequent: ${worst.join(", ")}.` : ""], wide);
  box.className = "matrix";
  return box;
}

function heat() {
  const canvas = make("canvas"), height = data.heat.length, width = data.heat[0].length;
  Object.assign(canvas, { id: "heat", width, height });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `Ink heat map: mean brightness at each position, at most ${data.heat_most}`);
  const context = canvas.getContext("2d"), picture = context.createImageData(width, height);
  data.heat.flat().forEach((v, i) => picture.data.set([Math.min(255, v * 1.6), v, Math.max(0, v * 1.5 - 130), 255], 4 * i));
  context.putImageData(picture, 0, 0);
  return figure("Ink heat map", [`mean brightness at each position, at most ${data.heat_most} of full brightness`], canvas);
}

// --- Images -----------------------------------------------------------------------------------------------------

const PAGE = 40;
const pictures = new Map();
let current = null;

// Sprites are decoded when an image on them is shown. If one cannot be decoded, its images stay blank.
function picture(source) {
  if (!pictures.has(source)) {
    const image = new Image();
    image.src = source;
    pictures.set(source, image.decode().then(() => image, () => null));
  }
  return pictures.get(source);
}

const COLOURS = ["#ff5d5d", "#4cc3ff", "#ffd23f", "#6fe07a", "#c78bff", "#ff9f45", "#4ff0d0", "#ff7fd1"];

async function draw(canvas, item, scale, boxes, masks) {
  const [sprite, top, height] = item.at;
  canvas.width = item.w * scale;
  canvas.height = height * scale;
  const context = canvas.getContext("2d"), image = await picture(data.sprites[sprite]);
  context.imageSmoothingEnabled = false;
  if (image) context.drawImage(image, 0, top, item.w, height, 0, 0, canvas.width, canvas.height);
  if (masks && data.masks[sprite]) {
    const own = await picture(data.masks[sprite]), small = document.createElement("canvas");
    Object.assign(small, { width: item.w, height });
    const inside = small.getContext("2d");
    inside.drawImage(own, 0, top, item.w, height, 0, 0, item.w, height);
    const pixels = inside.getImageData(0, 0, item.w, height);
    for (let i = 0; i < pixels.data.length; i += 4) {
      const colour = COLOURS[(pixels.data[i] + COLOURS.length - 1) % COLOURS.length], digit = pixels.data[i];
      for (let k = 0; k < 3; k++) pixels.data[i + k] = parseInt(colour.slice(1 + 2 * k, 3 + 2 * k), 16);
      pixels.data[i + 3] = digit ? 190 : 0;
    }
    inside.putImageData(pixels, 0, 0);
    context.drawImage(small, 0, 0, canvas.width, canvas.height);
  }
  if (!boxes) return;
  context.strokeStyle = "#18b4ff";
  for (const [x, y, w, h] of item.boxes) context.strokeRect(x * scale + 0.5, y * scale + 0.5, w * scale - 1, h * scale - 1);
}

function aligned(one, who) {
  const lines = [make("div"), make("div")];
  const [above, below] = [[...one.above], [...one.below]];
  above.forEach((c, i) => lines[0].append(make("span", c, below[i] === c ? "" : "bad")));
  below.forEach((c, i) => lines[1].append(make("span", c === " " ? "·" : c, above[i] === c ? "" : "bad")));
  if (who) lines[1].append(make("span", `  ${who}`, "name"));
  return lines;
}

function reading(item) {
  const text = make("div", undefined, "text");
  if (item.second && data.models) {
    text.append(make("div", item.label));
    [item, item.second].forEach((one, i) => {
      if (one.wrong) text.append(aligned(one, data.names[i])[1]);
      else {
        const line = make("div");
        line.append(make("span", one.read, "good"), make("span", `  ${data.names[i]}`, "name"));
        text.append(line);
      }
    });
  } else if (item.wrong) text.append(...aligned(item));
  else text.append(make("span", item.label || item.name, item.read !== null ? "good" : ""));
  if (item.second && !data.models && item.second.label !== item.label) text.append(make("div", item.second.label, "bad"));
  return text;
}

const itemOf = new WeakMap();

function paint(box) {
  const item = itemOf.get(box), canvases = box.querySelectorAll("canvas"), sources = data.models ? [item] : [item, item.second];
  sources.filter((one) => one && !one.missing).forEach((one, i) => draw(canvases[i], one, Number($("zoom").value), $("boxes").checked, $("masks").checked));
}

function card(item) {
  const place = make("li"), box = button(undefined, () => showOne(item), `card${item.wrong || item.second?.wrong ? " wrong" : ""}${item.faults.length || item.second?.faults?.length ? " faulty" : ""}`);
  itemOf.set(box, item);
  box.tabIndex = -1;
  const read = item.read === null ? "" : `, predicted ${item.read || "nothing"}`;
  box.setAttribute("aria-label", `label ${item.label}${read}${item.faults.length ? ", with faults" : ""}`);
  const pair = data.models ? [item] : [item, item.second].filter(Boolean);
  for (const one of pair) box.append(one.missing ? make("div", "no image", "bad") : make("canvas"));
  box.append(reading(item));
  if (item.only) box.append(make("div", item.only, "name"));
  for (const one of pair) if (one.faults?.length) box.append(make("div", one.faults[0], "text bad"));
  box.addEventListener("focus", () => {
    if (current) current.tabIndex = -1;
    (current = box).tabIndex = 0;
  });
  place.append(box);
  paint(box);
  return place;
}

const cards = () => [...$("grid").querySelectorAll(".card")];

function more() {
  const drawn = $("grid").children.length;
  $("grid").append(...chosen.slice(drawn, drawn + PAGE).map(card));
  if (!current && $("grid").firstChild) (current = $("grid").firstChild.firstChild).tabIndex = 0;
  end.unobserve($("end")); // so that it reports again if the end is still in sight
  if (drawn + PAGE < chosen.length) end.observe($("end"));
}

const end = new IntersectionObserver((seen) => seen.some((entry) => entry.isIntersecting) && more(), { root: $("gallery"), rootMargin: "600px" });

function showOne(item) {
  $("facts").replaceChildren();
  const add = (name, value) => value !== null && value !== undefined && value !== "" && $("facts").append(make("dt", name), make("dd", value));
  add("image", item.name);
  add("split", item.split);
  add("label", item.label);
  for (const fault of [...item.faults, ...(item.second?.faults || [])]) add("fault", fault);
  if (data.models) {
    [item, item.second].forEach((one, i) => {
      const more = [`${plural(one.errors, "error")}`, ...(one.confidence === null ? [] : [`confidence ${one.confidence}`])];
      add(data.names[i], `${one.read || "(empty)"} (${more.join(", ")})`);
    });
  } else if (item.read !== null) {
    add("prediction", item.read || "(empty)");
    add("confidence", item.confidence);
    add("errors", item.errors);
  }
  if (!item.missing) {
    add("width", `${item.width} px`);
    add("spacing", item.gaps.length ? `${item.gaps.map((gap) => gap ?? "?").join(", ")} px` : null);
    add("ink", percent(item.ink));
  }
  if (!item.missing) for (const [effect, strength] of Object.entries(item.effects)) add(effect, strength.toFixed(3));
  if (item.second && !data.models) add("second", `${item.second.name}, label ${item.second.label}`);
  const other = data.models ? null : item.second, room = Math.max(item.w, other?.w || 0);
  const scale = Math.max(2, Math.min(6, Math.floor((window.innerWidth - 80) / room))); // the style shrinks what is too wide
  $("large").hidden = item.missing;
  if (!item.missing) draw($("large"), item, scale, true, $("masks").checked);
  $("large-second").hidden = !other || other.missing;
  if (other && !other.missing) draw($("large-second"), other, scale, true, $("masks").checked);
  $("one").dataset.at = chosen.indexOf(item);
  if (!$("one").open) $("one").showModal();
}

// --- Controls and keyboard ----------------------------------------------------------------------------------------

function options(select, values, all) {
  if (all) select.append(Object.assign(make("option", all), { value: "" }));
  for (const value of values) select.append(make("option", value));
  select.closest("label").hidden = values.length < 2;
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
  if (["boxes", "masks"].includes(event.target.id)) cards().forEach(paint);
  else if (event.target.id === "zoom") render();
  else filtered(event.target.id === "label");
}

function move(key) {
  const all = cards(), here = all.indexOf(current), top = (box) => box.parentElement.offsetTop;
  if (!all.length) return;
  const row = all.findIndex((box) => top(box) > top(all[0])), across = row > 0 ? row : all.length;
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across };
  const target = key === "Home" ? 0 : key === "End" ? all.length - 1 : Math.max(0, Math.min(all.length - 1, here + steps[key]));
  if (target > all.length - across - 1) more();
  cards()[target].focus();
}

function go(section) {
  $(section).scrollIntoView({ block: "start" });
  $(section).querySelector(section === "charts" ? ".bar[tabindex='0']" : ".card[tabindex='0']")?.focus({ preventScroll: true });
}

const actions = {
  "/": () => $("label").focus(),
  u: () => history.state?.depth && history.back(),
  Escape: clear,
  i: () => go("samples"),
  c: () => go("charts"),
  b: () => toggle("boxes"),
  m: () => toggle("masks"),
  e: () => toggle("errors"),
  d: dark,
  "?": () => $("keys").showModal(),
};
const ARROWS = ["ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp", "Home", "End"];

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if ($("one").open && (event.key === "ArrowRight" || event.key === "ArrowLeft")) {
    const next = chosen[Number($("one").dataset.at) + (event.key === "ArrowRight" ? 1 : -1)];
    if (next) showOne(next);
  }
  if (document.querySelector("dialog[open]")) return;
  // Letters typed into a control are its own; Esc leaves it and clears the filters, u undoes also in a list.
  const typing = event.target.matches("input[type=search]"), choosing = event.target.matches("select");
  if (event.key === "Escape" && (typing || choosing)) event.target.blur();
  else if (typing || (choosing && event.key !== "u")) return;
  if (actions[event.key]) {
    event.preventDefault();
    actions[event.key]();
  } else if (ARROWS.includes(event.key) && event.target.closest("#grid")) {
    event.preventDefault();
    move(event.key);
  }
});

showVerdict();
showFindings();
showCharts();
$("stated").textContent = data.stated;
options($("length"), [...new Set(items.map((item) => item.digits))].sort((a, b) => a - b), "any");
options($("split"), [...new Set(items.map((item) => item.split))], "any");
$("view").append(Object.assign(make("option", "all"), { value: "" }));
for (const [name, n] of data.views) $("view").append(Object.assign(make("option", `${name} (${count(n)})`), { value: name }));
$("view").closest("label").hidden = !data.views.length;
options($("sort"), data.orders);
$("errors").closest("label").hidden = $("legend").hidden = !data.scored;
if (data.models) $("legend").textContent = "First line: label. Below: the prediction of each model. Green is correct; red characters differ.";
$("faults").closest("label").hidden = !items.some((item) => item.faults.length || item.second?.faults?.length);
$("masks").closest("label").hidden = !data.masks.some(Boolean);
$("theme").addEventListener("click", dark);
$("help").addEventListener("click", () => $("keys").showModal());
$("clear").addEventListener("click", clear);
$("tools").addEventListener("input", changed);
$("tools").addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("popstate", restore);
window.addEventListener("resize", thin);
restore();
thin();
document.documentElement.dataset.ready = "yes";
