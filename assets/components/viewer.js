// The panels of a case. Pictures come once, as one binary blob (see radar_core/ui/viewer.py);
// opacity, threshold, colours, zoom, contours, flicker and hold never ask the server.

const ROWS = ["clean", "attacked", "difference"];
const TITLES = { clean: "Clean", attacked: "Attacked", difference: "Difference" };
const FLICKER_MS = 500; // two changes a second: below the three flashes that can trigger seizures
const SVG = "http://www.w3.org/2000/svg";
const MANY = 5; // columns that fit beside the probabilities

class Viewer {
  constructor(parent) {
    this.parent = parent;
    this.root = el("div", "root");
    parent.append(this.root);
    this.shown = { opacity: 0.6, threshold: 0, colours: "magma", hold: false, flicker: false, flick: false, lesion: false, evidence: false };
    this.zoom = new Zoom();
    this.pictures = new Map(); // content hash -> ImageData
    this.lookup = table("magma");
    this.frame = 0;
    this.timer = 0;
    this.said = "";
  }

  destroy() {
    cancelAnimationFrame(this.frame);
    clearInterval(this.timer);
    this.resized?.disconnect();
    this.root.remove();
  }

  async update(data) {
    const { head, body } = parse(data);
    if (head.id === this.id) return;
    this.id = head.id;
    if (head.busy && this.head && !this.head.busy) {
      this.root.classList.add("stale");
      this.root.setAttribute("aria-busy", "true");
      return;
    }
    const before = this.head;
    this.head = head;
    const layout = JSON.stringify([head.n, head.columns.map((c) => c.id)]);
    if (layout !== this.layout) this.build();
    this.layout = layout;
    const wanted = new Map(Object.values(head.images).map((ref) => [ref[2], ref]));
    const fresh = [...wanted.values()].filter((ref) => !this.pictures.has(ref[2]));
    const all = () => Promise.all(fresh.map(async (ref) => [ref[2], await decode(body, ref, head.n)]));
    let decoded;
    try {
      decoded = await all().catch(all); // a browser short of memory may fail once
    } catch (error) {
      if (this.id === head.id) this.id = null; // so that the next blob, even the same, is tried again
      throw error;
    }
    if (this.id !== head.id) return; // a newer blob came while this one was decoded
    for (const hash of [...this.pictures.keys()]) if (!wanted.has(hash)) this.pictures.delete(hash);
    for (const [hash, picture] of decoded) this.pictures.set(hash, picture);
    if (!before || before.key !== head.key) this.toggleFlicker(false);
    this.root.classList.remove("stale");
    this.root.removeAttribute("aria-busy");
    this.write();
    this.render(); // at once: a tab in the background is given no animation frame
    this.root.dataset.stage = head.stage;
  }

  picture(name) {
    const ref = this.head.images[name];
    return ref ? this.pictures.get(ref[2]) : undefined;
  }

  build() {
    const { columns } = this.head, scrolled = this.grid?.scrollLeft || 0;
    this.root.replaceChildren();
    this.root.style.setProperty("--cols", columns.length);
    const many = columns.length > MANY;
    this.root.classList.toggle("many", many);
    this.verdict = el("p", "verdict");
    this.strip = el("dl", "strip");
    this.live = el("div", "sr");
    this.live.setAttribute("aria-live", "polite");
    const stage = el("div", "stage"), frame = el("div", "frame");
    this.grid = el("div", "grid");
    this.grid.tabIndex = 0;
    this.grid.setAttribute("role", "group");
    this.grid.setAttribute("aria-label", "Panels. Plus and minus zoom all together, 0 resets; arrow keys move what is zoomed, else scroll.");
    this.bars = el("div", "bars");
    frame.append(this.grid);
    stage.append(frame, ...(many ? [] : [this.bars]));
    this.tiles = [];
    this.heads = columns.map((column, c) => {
      const h = el("div", pinned("colhead", c));
      h.style.setProperty("--o", c * 5 + 1);
      h.style.gridColumn = c + 2;
      this.grid.append(h);
      return h;
    });
    ROWS.forEach((row, r) => {
      const rule = el("div", `rowhead ${row}`, TITLES[row]);
      rule.style.gridRow = r + 2;
      rule.style.setProperty("--o", 0);
      this.grid.append(rule);
      columns.forEach((column, c) => this.grid.append(this.tile(row, r, column, c)));
    });
    this.numbers = columns.map((column, c) => {
      const list = el("dl", pinned("numbers", c));
      list.style.gridColumn = c + 2;
      list.style.setProperty("--o", c * 5 + 5);
      this.grid.append(list);
      return list;
    });
    this.root.append(this.verdict, this.live, this.strip, this.controls(), stage, this.foot(), ...(many ? [this.bars] : []));
    this.zoom.attach(this.root, this.grid);
    // Whether there are columns beyond the right edge: the edge then fades.
    const more = () => frame.classList.toggle("more", this.grid.scrollLeft + this.grid.clientWidth < this.grid.scrollWidth - 2);
    this.grid.onscroll = more;
    this.resized?.disconnect();
    this.resized = new ResizeObserver(more);
    this.resized.observe(this.grid);
    this.grid.scrollLeft = scrolled;
  }

  tile(row, r, column, c) {
    const n = this.head.n, figure = el("figure", pinned(row, c)), canvas = el("canvas"), wait = el("div", "wait");
    canvas.width = canvas.height = n;
    canvas.setAttribute("role", "img");
    canvas.dataset.tile = `${row}-${column.id}`;
    figure.style.setProperty("--o", c * 5 + 2 + r);
    figure.style.gridRow = r + 2;
    figure.style.gridColumn = c + 2;
    const contours = document.createElementNS(SVG, "svg");
    contours.setAttribute("viewBox", `0 0 ${n} ${n}`);
    contours.setAttribute("aria-hidden", "true");
    const paths = {};
    for (const name of ["lesion", "evidence"]) {
      paths[name] = document.createElementNS(SVG, "path");
      paths[name].setAttribute("class", name);
      contours.append(paths[name]);
    }
    const caption = el("figcaption");
    figure.append(canvas, contours, wait, caption);
    const tile = { row, r, column: column.id, c, figure, canvas, caption, wait, paths,
      context: canvas.getContext("2d", { willReadFrequently: true }), image: new ImageData(n, n) };
    this.zoom.follow(figure);
    this.tiles.push(tile);
    return figure;
  }

  controls() {
    const bar = el("div", "bar");
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", "View");
    const labelled = (text, input, id) => {
      const box = el("div", "control"), label = el("label", "", text);
      input.id = label.htmlFor = id;
      box.append(label, input);
      bar.append(box);
    };
    const slider = (text, name, words) => {
      const input = el("input"), value = el("output");
      Object.assign(input, { type: "range", min: 0, max: 100, value: this.shown[name] * 100 });
      const say = () => {
        value.textContent = `${input.value} %`;
        input.setAttribute("aria-valuetext", `${input.value} percent${words}`);
      };
      input.oninput = () => { this.shown[name] = input.value / 100; say(); this.draw(); };
      labelled(text, input, name);
      value.setAttribute("aria-hidden", "true"); // the slider says it
      input.after(value);
      say();
      return input;
    };
    slider("Overlay", "opacity", "");
    slider("Threshold", "threshold", " of each map's own scale").title =
      "Weaker values are left out: the picture shows, or in the difference its neutral colour";
    const colours = el("select");
    for (const name of ["magma", "cividis", "viridis"]) colours.append(new Option(name, name));
    colours.value = this.shown.colours;
    colours.onchange = () => { this.shown.colours = colours.value; this.lookup = table(colours.value); this.draw(); };
    labelled("Colours", colours, "colours");
    const button = (text, on) => {
      const b = el("button", "", text);
      b.type = "button";
      b.setAttribute("aria-pressed", String(on));
      bar.append(b);
      return b;
    };
    const hold = button("Hold: show clean", false);
    const set = (on) => { this.shown.hold = on; hold.setAttribute("aria-pressed", String(on)); this.draw(); };
    hold.onpointerdown = () => set(true);
    hold.onpointerup = hold.onpointerleave = hold.onpointercancel = hold.onblur = () => set(false);
    hold.onkeydown = (e) => { if ([" ", "Enter"].includes(e.key) && !e.repeat) { e.preventDefault(); set(!this.shown.hold); } };
    this.flickerButton = button("Flicker", this.shown.flicker);
    this.flickerButton.onclick = () => this.toggleFlicker(!this.shown.flicker);
    this.contourButtons = {};
    for (const [name, text] of [["lesion", "Lesion"], ["evidence", "Evidence"]]) {
      const b = this.contourButtons[name] = button(text, this.shown[name]);
      b.title = `Outline of the ${name} mask`;
      b.onclick = () => { this.shown[name] = !this.shown[name]; b.setAttribute("aria-pressed", String(this.shown[name])); this.draw(); };
    }
    return bar;
  }

  toggleFlicker(on) {
    clearInterval(this.timer);
    this.shown.flicker = on;
    this.shown.flick = false;
    this.flickerButton?.setAttribute("aria-pressed", String(on));
    if (on) this.timer = setInterval(() => { this.shown.flick = !this.shown.flick; this.draw(); }, FLICKER_MS);
    else this.draw();
  }

  foot() {
    const foot = el("div", "foot");
    const legend = (low, high, label) => {
      const box = el("div", "legend"), canvas = el("canvas");
      canvas.width = 256;
      canvas.height = 1;
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", label);
      box.append(el("span", "", low), canvas, el("span", "", high));
      foot.append(box);
      return canvas;
    };
    this.legend = legend("0", "strong", "Colours from no attribution to strong attribution");
    this.diverging = legend("against / less", "for / more", "Colours from against the class, or less, over none to for the class, or more");
    this.scale = el("span", "scale");
    foot.append(this.scale, el("span", "hint", "Double-click zooms, drag moves."));
    return foot;
  }

  // Everything that is text.
  write() {
    const { head } = this, { columns, masks } = head;
    this.verdict.replaceChildren(...head.verdict.map(([text, kind]) => el(kind ? "b" : "span", kind, text)));
    const sentence = this.verdict.textContent;
    if (head.stage === "done" && sentence !== this.said) this.live.textContent = this.said = sentence;
    this.strip.replaceChildren(...head.strip.map(({ title, value, note, help }) => {
      const cell = el("div"), dd = el("dd", "", value);
      if (note) dd.append(el("small", "", note));
      if (help) cell.title = help;
      cell.append(el("dt", "", title), dd);
      return cell;
    }));
    columns.forEach((column, c) => {
      this.heads[c].replaceChildren(el("b", "", column.title));
      if (column.sub) this.heads[c].append(el("span", "", column.sub));
      this.numbers[c].replaceChildren(...column.numbers.map(({ title, value, kind, spoken }) => {
        const pair = el("div", kind), dt = el("dt");
        if (spoken) dt.append(el("span", "sr", spoken));
        dt.append(title);
        pair.title = `${spoken}${title} ${value}`;
        pair.append(dt, el("dd", "", value));
        return pair;
      }));
    });
    for (const name of ["lesion", "evidence"]) {
      this.contourButtons[name].hidden = !masks[name];
      for (const tile of this.tiles) tile.paths[name].setAttribute("d", masks[name] || "");
    }
    this.bars.replaceChildren(probabilities(head.bars));
    this.scale.textContent = head.scale;
    this.diverging.parentElement.hidden = this.legend.parentElement.hidden = columns.length < 2;
  }

  draw() {
    if (!this.frame) this.frame = requestAnimationFrame(() => { this.frame = 0; if (this.head) this.render(); });
  }

  render() {
    const asClean = this.shown.hold || this.shown.flick;
    this.root.classList.toggle("as-clean", asClean);
    for (const tile of this.tiles) {
      const row = tile.row === "attacked" && asClean ? "clean" : tile.row;
      const column = this.head.columns[tile.c];
      const [left, right] = this.head.captions[`${row}-${tile.column}`] || ["", ""];
      const ready = this.paint(tile, row, column);
      tile.figure.classList.toggle("empty", !ready);
      tile.figure.classList.toggle("running", !ready && column.state === "running");
      const failed = column.state === "failed";
      tile.figure.classList.toggle("failed", failed);
      tile.wait.replaceChildren(...(failed ? [el("b", "", column.wait)] : ready ? [] : [column.wait]));
      if (failed && !tile.r) tile.wait.append(el("span", "", column.why)); // once a column
      tile.caption.replaceChildren(el("b", "", left), el("span", "", right));
      tile.canvas.setAttribute("aria-label", `${TITLES[tile.row]}, ${column.title}: ${ready ? [left, right].filter(Boolean).join(", ") || "picture" : [column.wait || "not there yet", column.why].filter(Boolean).join(": ")}`);
      for (const name of ["lesion", "evidence"]) tile.paths[name].style.display = this.shown[name] ? "" : "none";
    }
    for (const [canvas, lookup] of [[this.legend, this.lookup], [this.diverging, DIVERGING]]) {
      const image = new ImageData(256, 1);
      for (let i = 0; i < 256; i++) image.data.set([lookup[i * 3], lookup[i * 3 + 1], lookup[i * 3 + 2], 255], i * 4);
      canvas.getContext("2d").putImageData(image, 0, 0);
    }
    const settled = ({ figure }) => !figure.classList.contains("empty") || figure.classList.contains("failed");
    this.root.dataset.ready = this.tiles.every(settled) ? "1" : "0";
  }

  paint(tile, row, column) {
    if (column.id === "image") {
      const picture = this.picture(`${row}-image`);
      if (picture) tile.context.putImageData(picture, 0, 0);
      return !!picture;
    }
    const clean = this.picture(`clean-${column.id}`), attacked = this.picture(`attacked-${column.id}`);
    if (!clean || !attacked) return false;
    const out = tile.image.data, { opacity, threshold } = this.shown;
    if (row === "difference") paintDifference(out, clean.data, attacked.data, column.signed, threshold);
    else {
      const map = row === "clean" ? clean : attacked;
      paintMap(out, this.picture(`${row}-image`).data, map.data, column.signed, { lookup: this.lookup, opacity, threshold });
    }
    tile.context.putImageData(tile.image, 0, 0);
    return true;
  }
}

// The first column stays in sight while the others scroll.
function pinned(cls, column) {
  return column ? cls : `${cls} pinned`;
}

const VIEWERS = new WeakMap();

export default function ({ data, parentElement }) {
  if (!data || !data.length) return undefined;
  let viewer = VIEWERS.get(parentElement);
  if (!viewer) VIEWERS.set(parentElement, (viewer = new Viewer(parentElement)));
  viewer.update(data);
  return () => { viewer.destroy(); VIEWERS.delete(parentElement); };
}
