// Features in a plane: points, arrows from clean to attacked, groups to switch off, a card, a loop.
// Tens of thousands of points are written as pixels, one pass a frame. Opening a point and what a
// loop holds are told to the server, and which thumbnail is wanted; the rest happens here.

const REACH = 9, MOST = 7, FIRST = 140; // pixels a pointer may be off; groups told apart; ms of rest before a thumbnail is asked for
const WAYS = { kind: "Clean or attacked", label: "True class", reads: "Reading", attack: "Attack", eps: "ε", status: "What the attack did" };

class Embedding {
  constructor(parent) {
    this.root = el("div", "root");
    parent.append(this.root);
    this.bar = el("div", "bar");
    this.stage = el("div", "stage");
    this.base = el("canvas", "base");
    this.over = el("canvas", "over");
    this.card = el("div", "card");
    this.card.hidden = true;
    this.legend = el("div", "legend");
    this.legend.setAttribute("role", "group");
    this.legend.setAttribute("aria-label", "Groups shown");
    this.live = el("p", "sr");
    this.live.setAttribute("aria-live", "polite");
    this.base.tabIndex = 0;
    this.base.setAttribute("role", "application");
    this.stage.append(this.base, this.over, this.card);
    this.root.append(this.bar, this.stage, this.legend, this.live);
    this.by = "kind";
    this.arrows = true;
    this.thumbs = new Map();
    this.off = new Set();
    this.pointers = new Map();
    this.listen();
  }

  listen() {
    const on = (type, act, options) => this.base.addEventListener(type, act, options);
    on("wheel", (e) => { e.preventDefault(); this.zoom(Math.exp(-e.deltaY * (e.ctrlKey ? 0.01 : 0.0015)), ...this.spot(e)); }, { passive: false });
    on("pointerdown", (e) => this.down(e));
    on("pointermove", (e) => this.move(e));
    on("pointerup", (e) => this.up(e));
    on("pointercancel", (e) => { this.pointers.delete(e.pointerId); this.loop = null; this.overlay(); });
    on("pointerleave", () => { if (!this.pointers.size) this.point(-1); });
    on("keydown", (e) => this.key(e));
    this.heard = (e) => {
      const { name, picture } = e.detail;
      if (this.thumbs.has(name)) return;
      this.thumbs.set(name, URL.createObjectURL(new Blob([picture])));
      if (this.at >= 0 && this.imageOf(this.at) === name) this.show(this.at);
    };
    document.addEventListener("radar-thumb", this.heard);
    this.sized = new ResizeObserver(() => this.resize());
    this.sized.observe(this.stage);
  }

  destroy() {
    document.removeEventListener("radar-thumb", this.heard);
    this.sized.disconnect();
    clearTimeout(this.asking);
    cancelAnimationFrame(this.frame);
    for (const url of this.thumbs.values()) URL.revokeObjectURL(url);
    this.root.remove();
  }

  update(data, tell) {
    this.tell = tell;
    const { head, body } = parse(data);
    if (head.id === this.id) return;
    this.id = head.id;
    this.head = head;
    this.ground = null; // the theme may be another
    const read = (name, Kind) => { const [o, l] = head.images[name]; return new Kind(body.slice(o, o + l).buffer); };
    this.xy = read("xy", Float32Array);
    this.clean = read("clean", Int32Array);
    this.image = read("image", Int32Array);
    this.codes = {};
    for (const name of ["label", "reads", "attack", "eps", "status"]) this.codes[name] = read(name, Uint16Array);
    this.n = this.clean.length;
    this.chosen = null;
    this.at = -1;
    this.off.clear();
    const lets = (name) => head.names[name].length > 1;
    this.ways = Object.keys(WAYS).filter((w) => w === "kind" || lets(w));
    if (!this.ways.includes(this.by)) this.by = "kind";
    this.grid = new Grid(this.xy, this.n);
    this.box = this.grid.box;
    this.controls();
    this.colour();
    this.view = null;
    this.resize();
  }

  controls() {
    const choose = el("label", "by", "Colour"), list = el("select");
    for (const way of this.ways) {
      const option = el("option", "", WAYS[way]);
      option.value = way;
      option.selected = way === this.by;
      list.append(option);
    }
    list.onchange = () => { this.by = list.value; this.off.clear(); this.colour(); this.draw(); };
    choose.append(list);
    const act = (text, title, does, get) => {
      const b = el("button", "tool", text), mark = () => { if (get) b.setAttribute("aria-pressed", String(get())); };
      b.type = "button";
      b.title = title;
      if (!get) b.setAttribute("aria-label", title);
      b.onclick = () => { does(); mark(); };
      mark();
      return b;
    };
    this.bar.replaceChildren(
      choose,
      act("Arrows", "Arrows from clean to attacked", () => { this.arrows = !this.arrows; this.draw(); }, () => this.arrows),
      act("Lasso", "Draw a loop around points to list them", () => { this.lasso = !this.lasso; this.base.classList.toggle("lasso", this.lasso); }, () => Boolean(this.lasso)),
      act("+", "Zoom in", () => this.zoom(1.4)), act("−", "Zoom out", () => this.zoom(1 / 1.4)), act("All", "Show all points", () => this.fit()),
    );
    this.base.setAttribute("aria-label", `${this.n.toLocaleString("en")} points in a plane. Arrow keys move, plus and minus zoom, 0 shows all, N and P go from point to point, Enter opens the case.`);
  }

  groupsOf() {
    const attacked = (i) => this.clean[i] !== i;
    if (this.by === "kind") return { of: (i) => (attacked(i) ? 1 : 0), names: ["clean", "attacked"] };
    const codes = this.codes[this.by], names = this.head.names[this.by];
    return { of: (i) => codes[i], names: names.map((n) => n || (this.by === "label" ? "no label" : "clean")) };
  }

  // A colour a group, the largest first; beyond seven, the rest share the last one.
  colour() {
    const { of, names } = this.groupsOf(), count = new Int32Array(names.length);
    for (let i = 0; i < this.n; i++) count[of(i)]++;
    const ranks = [...names.keys()];
    const some = names.length > MOST ? MOST - 1 : names.length;
    if (names.length > MOST) ranks.sort((a, b) => count[b] - count[a]);
    const rank = new Uint8Array(names.length);
    ranks.forEach((name, r) => { rank[name] = Math.min(r, some); });
    this.group = new Uint8Array(this.n);
    for (let i = 0; i < this.n; i++) this.group[i] = rank[of(i)];
    this.groups = ranks.slice(0, some).map((r) => [names[r], count[r]]);
    if (names.length > MOST) this.groups.push([`${names.length - some} others`, ranks.slice(some).reduce((sum, r) => sum + count[r], 0)]);
    this.paint = this.groups.map((_, g) => rgb(this.head.palette[g]));
    this.legend.replaceChildren(...this.groups.map(([name, many], g) => {
      const b = el("button", "group"), mark = el("span", "swatch");
      b.type = "button";
      mark.style.setProperty("--c", this.head.palette[g]);
      if (name === "clean") mark.classList.add("ring");
      b.append(mark, el("span", "name", name), el("span", "number", many.toLocaleString("en")));
      b.setAttribute("aria-pressed", String(!this.off.has(g)));
      b.onclick = () => {
        if (!this.off.delete(g)) this.off.add(g);
        b.setAttribute("aria-pressed", String(!this.off.has(g)));
        this.point(-1);
        this.draw();
      };
      return b;
    }), el("p", "key", "○ clean   ● attacked"));
  }

  resize() {
    const w = Math.floor(this.stage.clientWidth), h = Math.floor(this.stage.clientHeight);
    if (!this.n || w < 2 || h < 2) return;
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    if (this.w === w && this.h === h && this.ratio === ratio && this.view) return;
    Object.assign(this, { w, h, ratio });
    for (const c of [this.base, this.over]) { c.width = w * ratio; c.height = h * ratio; }
    this.image2 = new ImageData(w * ratio, h * ratio);
    this.pixels = new Uint32Array(this.image2.data.buffer);
    const r = (this.n > 5000 ? 2.1 : this.n > 1200 ? 2.8 : 3.6) * ratio;
    this.stamps = [stamp(r, Math.max(1, r * 0.42)), stamp(r)];
    if (this.view) this.draw(); else this.fit();
  }

  fit() {
    const [a, b, c, d] = this.box, pad = 28;
    const k = Math.min((this.w - 2 * pad) / (c - a || 1), (this.h - 2 * pad) / (d - b || 1));
    this.whole = k;
    this.view = { x: (a + c) / 2, y: (b + d) / 2, k };
    this.draw();
  }
  zoom(by, px = this.w / 2, py = this.h / 2) {
    const v = this.view, k = Math.min(Math.max(v.k * by, this.whole * 0.3), this.whole * 400), f = 1 / v.k - 1 / k;
    v.x += (px - this.w / 2) * f;
    v.y -= (py - this.h / 2) * f;
    v.k = k;
    this.draw();
  }
  pan(dx, dy) { this.view.x -= dx / this.view.k; this.view.y += dy / this.view.k; this.draw(); }
  screen(i) { const v = this.view; return [(this.xy[2 * i] - v.x) * v.k + this.w / 2, this.h / 2 - (this.xy[2 * i + 1] - v.y) * v.k]; }
  shown(i) { return !this.off.has(this.group[i]); }

  draw() {
    if (this.frame || !this.view) return;
    this.frame = requestAnimationFrame(() => { this.frame = 0; this.render(); });
  }

  render() {
    const begun = performance.now();
    plot(this);
    this.base.getContext("2d", { alpha: false }).putImageData(this.image2, 0, 0);
    this.overlay();
    this.root.dataset.ms = (performance.now() - begun).toFixed(1);
    this.root.dataset.drawn = String(1 + Number(this.root.dataset.drawn || 0));
    if (!this.card.hidden && this.at >= 0) this.show(this.at);
  }

  // The loop, and a circle round the point one is at, with its fellows of the same image.
  overlay() {
    const context = this.over.getContext("2d"), style = getComputedStyle(this.root);
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.w, this.h);
    context.strokeStyle = style.getPropertyValue("--st-text-color") || "#000";
    context.lineWidth = 1.5;
    if (this.loop?.length > 1) {
      context.setLineDash([5, 4]);
      context.beginPath();
      this.loop.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
      context.stroke();
      context.setLineDash([]);
    }
    if (this.at >= 0 && this.at < this.n) {
      const from = this.screen(this.clean[this.at]), to = this.screen(this.at);
      context.beginPath();
      if (this.clean[this.at] !== this.at) { context.moveTo(...from); context.lineTo(...to); }
      context.moveTo(to[0] + 7, to[1]);
      context.arc(to[0], to[1], 7, 0, 7);
      context.stroke();
    }
  }

  near(px, py) {
    const v = this.view, x = (px - this.w / 2) / v.k + v.x, y = (this.h / 2 - py) / v.k + v.y;
    return this.grid.near(x, y, REACH / v.k, (i) => this.shown(i));
  }

  spot(e) { const box = this.base.getBoundingClientRect(); return [e.clientX - box.left, e.clientY - box.top]; }

  down(e) {
    if (e.button) return;
    this.base.setPointerCapture(e.pointerId);
    const at = this.spot(e);
    this.pointers.set(e.pointerId, at);
    this.began = at;
    this.moved = this.pointers.size > 1;
    if (this.lasso && this.pointers.size === 1) this.loop = [at];
    else this.loop = null;
  }
  move(e) {
    const at = this.spot(e), before = this.pointers.get(e.pointerId);
    if (!before) { if (e.pointerType === "mouse") this.point(this.near(...at)); return; }
    if (Math.hypot(at[0] - this.began[0], at[1] - this.began[1]) > 4) this.moved = true;
    if (this.loop) { this.loop.push(at); this.overlay(); }
    else if (this.pointers.size === 2) {
      const other = [...this.pointers].find(([id]) => id !== e.pointerId)[1];
      const far = (a) => Math.hypot(a[0] - other[0], a[1] - other[1]) || 1;
      this.zoom(far(at) / far(before), (at[0] + other[0]) / 2, (at[1] + other[1]) / 2);
    } else if (this.moved) this.pan(at[0] - before[0], at[1] - before[1]);
    this.pointers.set(e.pointerId, at);
  }
  up(e) {
    if (!this.pointers.delete(e.pointerId)) return;
    const loop = this.loop, at = this.spot(e);
    this.loop = null;
    if (loop && loop.length > 2 && this.moved) this.choose(loop);
    else if (!this.moved) {
      const hit = this.near(...at);
      if (e.pointerType === "mouse" && hit >= 0) this.open(hit);
      else { this.point(hit); if (hit < 0) this.unchoose(); }
    }
    this.overlay();
  }

  choose(loop) {
    const found = [], mask = new Uint8Array(this.n);
    for (let i = 0; i < this.n; i++) {
      if (!this.shown(i)) continue;
      const [x, y] = this.screen(i);
      if (within(loop, x, y)) { found.push(i); mask[i] = 1; }
    }
    this.chosen = found.length ? mask : null;
    this.live.textContent = `${found.length} points selected; they are listed below.`;
    this.tell("lasso", { id: this.id, points: found });
    this.draw();
  }
  unchoose() {
    if (!this.chosen) return;
    this.chosen = null;
    this.tell("lasso", { id: this.id, points: [] });
    this.draw();
  }

  open(i) { this.tell("open", { id: this.id, point: i }); }
  imageOf(i) { return this.head.pictures[this.image[i]]; }

  point(i) {
    if (i === this.at) return;
    this.at = i;
    clearTimeout(this.asking);
    if (i < 0) this.card.hidden = true;
    else {
      this.show(i);
      const name = this.imageOf(i);
      if (!this.thumbs.has(name)) this.asking = setTimeout(() => this.tell("thumb", name), FIRST);
    }
    this.overlay();
  }

  words(i) {
    const of = (name) => this.head.names[name][this.codes[name][i]], own = this.clean[i] === i;
    const what = own ? "clean" : [of("attack"), of("eps") && of("eps") !== "own" ? `ε ${of("eps")}` : "", of("status")].filter(Boolean).join(", ");
    return [this.imageOf(i), what, of("label") ? `true class ${of("label")}` : "no label", `read as ${of("reads")}`];
  }

  show(i) {
    const [name, ...lines] = this.words(i), frame = el("span", "picture"), url = this.thumbs.get(name);
    if (url) { const image = el("img"); image.src = url; image.alt = ""; frame.append(image); }
    frame.hidden = !url;
    const said = el("span", "lines"), open = el("button", "tool", "Open case");
    open.type = "button";
    open.tabIndex = -1;
    open.onclick = () => this.open(i);
    if (url && this.clean[i] !== i) lines.push("the picture is the clean one");
    said.append(el("b", "", name), ...lines.map((line) => el("span", "", line)));
    if (matchMedia("(hover: none)").matches) said.append(open);
    this.card.replaceChildren(frame, said);
    this.card.hidden = false;
    const [x, y] = this.screen(i), w = this.card.offsetWidth, h = this.card.offsetHeight;
    this.card.style.left = `${Math.max(4, Math.min(x + 14 + w > this.w ? x - w - 14 : x + 14, this.w - w - 4))}px`;
    this.card.style.top = `${Math.max(4, Math.min(y - h / 2, this.h - h - 4))}px`;
  }

  key(e) {
    if (e.altKey || e.ctrlKey || e.metaKey) return;
    const step = 60, moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    const acts = { "+": () => this.zoom(1.4), "=": () => this.zoom(1.4), "-": () => this.zoom(1 / 1.4), 0: () => this.fit(), n: () => this.step(1), p: () => this.step(-1), Escape: () => { this.point(-1); this.unchoose(); }, Enter: () => { if (this.at >= 0) this.open(this.at); } };
    const act = moves[e.key] ? () => this.pan(...moves[e.key]) : acts[e.key] || acts[e.key.toLowerCase()];
    if (!act) return;
    e.preventDefault();
    act();
  }
  step(by) {
    let at = this.at < 0 && by < 0 ? 0 : this.at;
    for (let m = 0; m < this.n; m++) {
      at = (at + by + this.n) % this.n;
      const [x, y] = this.screen(at);
      if (!this.shown(at) || x < 0 || y < 0 || x > this.w || y > this.h) continue;
      this.point(at);
      this.live.textContent = this.words(at).join(", ");
      return;
    }
  }
}

export default mounted(Embedding);
