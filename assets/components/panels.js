// The panels of a case at every ε. Pictures come once, as one binary blob (see
// radar_core/view/frames.py); ε, opacity, threshold, colours, zoom, contours, flicker, swipe and
// hold never ask the server. Where the ε slider comes to rest, it is told so.

const ROWS = ["clean", "attacked", "difference"];
const TITLES = { clean: "Clean", attacked: "Attacked", difference: "Difference" };
const FLICKER_MS = 500; // two changes a second: below the three flashes that can trigger seizures
const STILL = matchMedia("(prefers-reduced-motion: reduce)");
const MANY = 5; // columns that fit beside the probabilities

class Viewer {
  constructor(parent) {
    this.tell = () => false; // the server where ε rests
    this.root = el("div", "root");
    parent.append(this.root);
    this.shown = { opacity: 0.6, threshold: 0, colours: "magma", hold: false, flicker: false, flick: false, lesion: false, evidence: false };
    this.zoom = new Zoom(() => { if (this.swipe.on) this.draw(); });
    this.swipe = new Swipe(() => this.draw());
    this.scrub = new Scrub(() => this.draw(true), (eps) => this.tell(eps));
    this.calm = () => this.toggleFlicker(this.shown.flicker);
    STILL.addEventListener("change", this.calm);
    this.pictures = new Map(); // content hash -> ImageData
    this.lookup = table("magma");
    this.asked = 0; // the animation frame asked for
    this.worded = false; // whether the words are to change with it
    this.timer = 0;
    this.said = "";
  }

  destroy() {
    cancelAnimationFrame(this.asked);
    clearInterval(this.timer);
    this.scrub.destroy();
    STILL.removeEventListener("change", this.calm);
    this.resized?.disconnect();
    this.root.remove();
  }

  // `tell` is how the server hears where ε came to rest; a story has nobody to tell.
  async update(data, tell) {
    if (tell) this.tell = (eps) => { tell("eps", eps); return true; };
    const { head, body } = parse(data), first = tell && !this.head, ends = tell && !head.busy && this.head?.busy !== false;
    if (head.id === this.id) return;
    this.id = head.id;
    if (head.busy && this.head && !this.head.busy) {
      this.root.classList.add("stale");
      this.root.setAttribute("aria-busy", "true");
      return;
    }
    const before = this.head, at = this.scrub.place(head, before), since = performance.now();
    try {
      await this.decode(body, head, names(head, at).map((name) => ref(head, name, at)));
      if (this.id !== head.id) return; // a newer blob came while this one was decoded
      this.show(head, before);
      this.root.dataset.ms ||= (performance.now() - since).toFixed(1); // from data to first picture
      // Painted: so many ms after the page was asked for.
      if (first) requestAnimationFrame(() => setTimeout(() => { tell("drawn", this.root.dataset.painted = Math.round(performance.now())); }));
      if (ends) requestAnimationFrame(() => setTimeout(() => dispatchEvent(new Event("radar-drawn")))); // pictures to look at
      await this.decode(body, head, Object.values(head.images));
    } catch (error) {
      if (this.id === head.id) this.id = null; // so that the next blob, even the same, is tried again
      throw error;
    }
    if (this.id !== head.id) return;
    const wanted = new Set(Object.values(head.images).map((one) => one[2]));
    for (const hash of [...this.pictures.keys()]) if (!wanted.has(hash)) this.pictures.delete(hash);
    if (head.frames) this.render(true); // more of them can be shown now
  }

  show(head, before) {
    this.head = head;
    this.scrub.take(head, before);
    this.root.classList.toggle("look", !!head.look);
    const layout = JSON.stringify([head.n, head.columns.map((c) => c.id)]);
    if (layout !== this.layout) this.build();
    this.layout = layout;
    const goes = before && (before.key === head.key || (head.axis && before.axis === head.axis));
    if (!goes) this.toggleFlicker(false);
    this.root.classList.remove("stale");
    this.root.removeAttribute("aria-busy");
    this.render(true); // at once: a tab in the background is given no animation frame
    this.root.dataset.stage = head.stage;
  }

  // Those that are not there yet; a browser short of memory may fail once.
  async decode(body, { n }, refs) {
    const fresh = refs.filter((one) => one && !this.pictures.has(one[2]));
    const all = () => Promise.all(fresh.map(async (one) => [one[2], await decode(body, one, n)]));
    for (const [hash, picture] of await all().catch(all)) this.pictures.set(hash, picture);
  }

  // Where the case itself says that ε stands.
  rest() {
    this.scrub.at = this.scrub.home ?? 0;
    this.render(true);
  }

  // What is shown of the case: its frame at the ε of the slider; without frames, itself.
  get now() {
    return frame(this.head, this.scrub.at);
  }

  // Whether all that is to come of a frame is there.
  complete(at) {
    if (this.head.frames[at].pending) return false;
    const settled = frame(this.head, at).columns.every(({ state }) => ["ready", "failed", "elsewhere"].includes(state));
    const refs = names(this.head, at).map((name) => ref(this.head, name, at));
    return settled && refs.every((one) => !one || this.pictures.has(one[2]));
  }

  picture(name) {
    const found = ref(this.head, name, this.scrub.at);
    return found ? this.pictures.get(found[2]) : undefined;
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
    this.swipe.build();
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
    this.scrub.build(this.bar);
    this.zoom.attach(this.root, this.grid);
    // Whether there are columns beyond the right edge: the edge then fades.
    const more = () => frame.classList.toggle("more", this.grid.scrollLeft + this.grid.clientWidth < this.grid.scrollWidth - 2);
    this.grid.onscroll = more;
    this.resized?.disconnect();
    this.resized = new ResizeObserver(more);
    this.resized.observe(this.grid);
    this.grid.scrollLeft = scrolled;
    this.calm();
  }

  tile(row, r, column, c) {
    const tile = new Tile(row, r, column, c, this.head.n);
    this.zoom.follow(tile.figure);
    if (row === "attacked") this.swipe.follow(tile.figure, column.title);
    this.tiles.push(tile);
    return tile.figure;
  }

  controls() {
    const bar = this.bar = el("div", "bar");
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", "View");
    bar.append(this.slider("Overlay", "opacity", ""));
    const button = (text, on) => {
      const b = el("button", "", text);
      b.type = "button";
      b.setAttribute("aria-pressed", String(on));
      bar.append(b);
      return b;
    };
    const hold = button("Hold: clean", false);
    const set = (on) => { this.shown.hold = on; hold.setAttribute("aria-pressed", String(on)); this.draw(); };
    hold.onpointerdown = () => set(true);
    hold.onpointerup = hold.onpointerleave = hold.onpointercancel = hold.onblur = () => set(false);
    hold.onkeydown = (e) => { if ([" ", "Enter"].includes(e.key) && !e.repeat) { e.preventDefault(); set(!this.shown.hold); } };
    this.flickerButton = button("Flicker", this.shown.flicker);
    this.flickerButton.onclick = () => this.toggleFlicker(!this.shown.flicker);
    this.swipeButton = button("Swipe", this.swipe.on);
    this.swipeButton.onclick = () => this.toggleSwipe(!this.swipe.on);
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
    if (on && !STILL.matches && this.swipe.on) this.toggleSwipe(false);
    this.shown.flicker = on && !STILL.matches;
    this.shown.flick = false;
    if (this.flickerButton) {
      this.flickerButton.setAttribute("aria-pressed", String(this.shown.flicker));
      this.flickerButton.disabled = STILL.matches;
      this.flickerButton.title = STILL.matches ? "Off, as your system asks for less motion" : "";
    }
    if (this.shown.flicker) this.timer = setInterval(() => { this.shown.flick = !this.shown.flick; this.draw(); }, FLICKER_MS);
    else this.draw();
  }

  toggleSwipe(on) {
    if (on) this.toggleFlicker(false);
    this.swipeButton.setAttribute("aria-pressed", String(on));
    this.swipe.toggle(on);
  }

  slider(text, name, words) {
    const input = el("input"), value = el("output"), box = labelled(text, input, name);
    Object.assign(input, { type: "range", min: 0, max: 100, value: this.shown[name] * 100 });
    const say = () => {
      value.textContent = `${input.value} %`;
      input.setAttribute("aria-valuetext", `${input.value} percent${words}`);
    };
    input.oninput = () => { this.shown[name] = input.value / 100; say(); this.draw(); };
    value.setAttribute("aria-hidden", "true"); // the slider says it
    box.append(value);
    say();
    return box;
  }

  foot() {
    const foot = el("div", "foot"), colours = el("select");
    const threshold = this.slider("Threshold", "threshold", " of each map's own scale");
    threshold.title = "Weaker values are left out: the picture shows, or in the difference its neutral colour";
    for (const name of ["magma", "cividis", "viridis"]) colours.append(new Option(name, name));
    colours.value = this.shown.colours;
    colours.onchange = () => { this.shown.colours = colours.value; this.lookup = table(colours.value); this.draw(); };
    foot.append(threshold, labelled("Colours", colours, "colours"));
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
    this.scale.title = "Each map is shown on a scale of its own, up to the 99.7th percentile of its |value|; its raw range stands beneath its column";
    foot.append(this.scale, el("span", "hint", "Double-click zooms, drag moves."));
    return foot;
  }

  // Everything that is text.
  write() {
    const { head, now } = this, { columns } = now, { masks } = head;
    this.scrub.write(now === head ? head : { ...head, strip: now.strip }, (head.frames || []).map((_, i) => this.complete(i)));
    this.verdict.replaceChildren(...now.verdict.map(([text, kind]) => el(kind ? "b" : "span", kind, text)));
    const sentence = this.verdict.textContent;
    if (head.stage === "done" && sentence !== this.said && !this.scrub.dragged) this.live.textContent = this.said = sentence;
    this.strip.replaceChildren(...now.strip.map(({ title, value, note, help }) => {
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
    this.bars.replaceChildren(probabilities(now.bars));
    this.scale.textContent = head.scale;
    this.diverging.parentElement.hidden = this.legend.parentElement.hidden = columns.length < 2;
  }

  draw(worded = false) {
    this.worded ||= worded;
    if (!this.asked) this.asked = requestAnimationFrame(() => { this.asked = 0; if (this.head) this.render(this.worded); });
  }

  render(worded) {
    this.worded = false;
    if (worded) this.write();
    const { now, shown } = this, picture = (name) => this.picture(name);
    const asClean = shown.hold || shown.flick, split = asClean ? 0 : this.swipe.split(this.head.n, this.zoom);
    const look = { lookup: this.lookup, opacity: shown.opacity, threshold: shown.threshold };
    this.root.classList.toggle("as-clean", asClean);
    for (const tile of this.tiles) {
      const row = tile.row === "attacked" && asClean ? "clean" : tile.row, column = now.columns[tile.c];
      const ready = tile.paint(picture, row, column.signed, look);
      if (ready && split && row === "attacked") tile.paint(picture, "clean", column.signed, look, split);
      tile.say(ready, column, now.captions[`${row}-${tile.column}`] || ["", ""]);
      for (const [name, path] of Object.entries(tile.paths)) path.style.display = shown[name] ? "" : "none";
    }
    for (const [canvas, lookup] of [[this.legend, this.lookup], [this.diverging, DIVERGING]]) {
      const image = new ImageData(256, 1);
      for (let i = 0; i < 256; i++) image.data.set([lookup[i * 3], lookup[i * 3 + 1], lookup[i * 3 + 2], 255], i * 4);
      canvas.getContext("2d").putImageData(image, 0, 0);
    }
    this.root.dataset.ready = this.tiles.every(({ settled }) => settled) ? "1" : "0";
  }
}

function labelled(text, input, id) {
  const box = el("div", "control"), label = el("label", "", text);
  input.id = label.htmlFor = id;
  box.append(label, input);
  return box;
}

// A frame of a case, and what it shows; a case without frames is its own.
function frame(head, at) {
  return head.frames?.[at] || head;
}

function names(head, at) {
  return frame(head, at).columns.flatMap(({ id }) => (id === "image" ? ROWS : ROWS.slice(0, 2)).map((row) => `${row}-${id}`));
}

function ref(head, name, at) {
  return head.images[`${name}@${at}`] || head.images[name];
}
