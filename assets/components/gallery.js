// A page of a data set: thumbnails with what is known of each image, as tiles or as a list.
// Turning pages and opening an image are told to the server; moving about is not.

const percent = (p) => `${Math.round(100 * p)} %`;

class Gallery {
  constructor(parent) {
    this.root = el("div", "root");
    parent.append(this.root);
    this.urls = new Map(); // content hash -> object URL
    this.enter = (e) => {
      if (this.root.isConnected && document.activeElement === document.body && e.key.startsWith("Arrow") && !e.altKey && !e.ctrlKey && !e.metaKey) {
        e.preventDefault();
        this.spot()?.focus();
      }
    };
    document.addEventListener("keydown", this.enter);
  }

  destroy() {
    document.removeEventListener("keydown", this.enter);
    for (const url of this.urls.values()) URL.revokeObjectURL(url);
    this.root.remove();
  }

  update(data, tell) {
    this.tell = tell;
    const { head, body } = parse(data);
    if (head.id === this.id) return;
    const turned = this.head && this.head.page !== head.page;
    const held = this.root.getRootNode().activeElement?.dataset?.id;
    this.id = head.id;
    this.head = head;
    const wanted = new Set(Object.values(head.images).map((ref) => ref[2]));
    for (const [hash, url] of this.urls) if (!wanted.has(hash)) { URL.revokeObjectURL(url); this.urls.delete(hash); }
    const list = head.form === "list";
    if (this.form !== head.form) {
      this.form = head.form;
      this.items = el("div", list ? "list" : "tiles");
      this.items.setAttribute("role", "group");
      this.items.setAttribute("aria-label", "Images");
      this.items.onkeydown = (e) => this.key(e);
      this.made = new Map();
    }
    this.items.classList.remove("leaving");
    const some = head.items.map((item) => kept(this.made, item.id, [item, head.images[item.id]?.[2], item.id === head.current],
      () => (list ? this.row(item, head, body) : this.tile(item, head, body))));
    if (!head.items.length) some.push(el("p", "none", head.none));
    else if (list) some.unshift(kept(this.made, "\0titles", "titles", () => this.titles()));
    forget(this.made, ["\0titles", ...head.items.map((item) => item.id)]);
    arrange(this.items, some);
    arrange(this.root, [this.strip(head), this.pager(head), this.items]);
    const all = this.all();
    if (turned && this.landing && all.length) {
      this.at = (this.landing === "last" ? all[all.length - 1] : all[0]).dataset.id;
      this.spot().focus();
    } else if (held) this.find(held)?.focus({ preventScroll: true });
    if (turned) this.landing = undefined;
    this.reach();
  }

  all() { return [...this.items.querySelectorAll("button")]; }
  find(id) { return this.all().find((b) => b.dataset.id === id); }
  spot() { return this.find(this.at) || this.find(this.head.current) || this.all()[0]; }

  // One image is in the order of the Tab key: where one is, or was.
  reach() {
    const spot = this.spot();
    for (const b of this.all()) b.tabIndex = b === spot ? 0 : -1;
  }

  key(e) {
    if (e.altKey || e.ctrlKey || e.metaKey) return;
    const all = this.all(), at = all.indexOf(this.root.getRootNode().activeElement);
    if (at < 0) return;
    const across = this.head.form === "list" ? 1 : getComputedStyle(this.items).gridTemplateColumns.split(" ").length;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[e.key];
    if (step) {
      e.preventDefault();
      if (all[at + step]) all[at + step].focus();
      else if (Math.abs(step) === 1 || this.head.form === "list") this.turn(this.head.page + Math.sign(step), step < 0 ? "last" : "first");
      else if (step > 0 && Math.floor(at / across) < Math.floor((all.length - 1) / across)) all[all.length - 1].focus();
      else this.turn(this.head.page + Math.sign(step), step < 0 ? "last" : "first");
    } else if (e.key === "Home" || e.key === "End") {
      e.preventDefault();
      all[e.key === "Home" ? 0 : all.length - 1].focus();
    } else if (e.key === "PageDown" || e.key === "PageUp") {
      e.preventDefault();
      this.turn(this.head.page + (e.key === "PageDown" ? 1 : -1), "first");
    }
  }

  turn(page, landing) {
    if (page < 0 || page >= this.head.pages) return;
    this.landing = landing;
    this.items.classList.add("leaving");
    this.tell("page", page);
  }

  strip(head) {
    const strip = el("dl", "strip");
    for (const [title, value, said] of head.strip) {
      const cell = el("div");
      cell.append(el("dt", "", title), el("dd", "value", value), el("dd", "said", said));
      strip.append(cell);
    }
    return strip;
  }

  pager(head) {
    this.pages ||= this.turns();
    const { nav, range, where, turns } = this.pages;
    range.textContent = head.range;
    where.textContent = `${head.page + 1} of ${head.pages}`;
    for (const { button, to } of turns) button.disabled = to() < 0 || to() >= head.pages || to() === head.page;
    return nav;
  }

  // The line of the pages: made once, since the number of images may grow all the while.
  turns() {
    const nav = el("nav", "pager"), range = el("span", "range"), where = el("span", "where"), turns = [];
    nav.setAttribute("aria-label", "Pages");
    const button = (text, label, to) => {
      const b = el("button", "turn", text);
      b.type = "button";
      b.setAttribute("aria-label", label);
      b.title = label;
      b.onclick = () => this.turn(to());
      turns.push({ button: b, to });
      return b;
    };
    nav.append(
      range, el("span", "hint", "← → ↑ ↓ move, Enter opens the case"),
      button("«", "First page", () => 0), button("‹", "Page before", () => this.head.page - 1), where,
      button("›", "Next page", () => this.head.page + 1), button("»", "Last page", () => this.head.pages - 1),
    );
    return { nav, range, where, turns };
  }

  button(item, head, cls) {
    const b = el("button", cls);
    b.type = "button";
    b.dataset.id = item.id;
    b.title = this.words(item);
    if (item.id === head.current) b.setAttribute("aria-current", "true");
    b.onclick = () => { this.at = item.id; this.tell("open", item.id); };
    b.onfocus = () => { this.at = item.id; this.reach(); };
    return b;
  }

  // All of an image in one line, for a pointer that rests on it.
  words(item) {
    const said = [item.id, item.truth ? `true class ${item.truth}` : "no label"];
    if (item.why) said.push(item.why);
    if (item.read) said.push(`read as ${item.read}, ${percent(item.sure)}`);
    if (item.eps) said.push(item.eps === "none" ? "not turned by FGSM" : `turned by FGSM at ε ${item.eps}`);
    if (item.focus != null) said.push(`focus kept ${item.focus.toFixed(2)}`);
    return said.join("\n");
  }

  picture(item, head, body) {
    const frame = el("span", "picture"), ref = head.images[item.id];
    if (ref) {
      const [offset, length, hash] = ref;
      if (!this.urls.has(hash)) this.urls.set(hash, URL.createObjectURL(new Blob([body.subarray(offset, offset + length)])));
      const image = el("img");
      image.src = this.urls.get(hash);
      image.alt = item.id;
      image.decoding = "async";
      frame.append(image);
    } else frame.append(el("span", "sr", item.id));
    if (item.why) frame.append(el("span", "why", "unreadable"));
    return frame;
  }

  mark(item) {
    const mark = el("span", `mark ${item.mark}`, item.mark === "right" ? "✓" : "✗");
    mark.setAttribute("role", "img");
    mark.setAttribute("aria-label", item.mark === "right" ? "read right" : "misread");
    return mark;
  }

  // A share as a bar, with its number.
  bar(value, text) {
    const bar = el("span", "bar"), fill = el("span");
    fill.style.width = `${100 * value}%`;
    bar.append(fill);
    const both = el("span", "measure");
    both.append(bar, el("span", "number", text));
    return both;
  }

  tile(item, head, body) {
    const b = this.button(item, head, "tile"), frame = this.picture(item, head, body);
    if (item.mark) frame.append(this.mark(item));
    const first = el("span", "line"), second = el("span", "line faint");
    first.append(el("b", "", item.read || item.truth || "no label"), el("span", "number", item.read ? percent(item.sure) : ""));
    const truth = !item.read ? "not read yet" : item.mark === "wrong" ? `is ${item.truth}` : "";
    second.append(el("span", "", item.why ? "" : truth), el("span", "number", item.eps === "none" ? "not turned" : item.eps ? `ε ${item.eps}` : ""));
    b.append(frame, first, second);
    if (item.focus != null) b.append(this.bar(item.focus, `${item.focus.toFixed(2)}`));
    return b;
  }

  titles() {
    const row = el("div", "row titles");
    for (const [cls, text] of [["picture", ""], ["id", "Name"], ["truth", "True class"], ["read", "Read as"], ["sure", "Confidence"], ["eps", "Smallest flipping ε"], ["focus", "Focus kept"]]) row.append(el("span", cls, text));
    return row;
  }

  row(item, head, body) {
    const b = this.button(item, head, "row"), read = el("span", "read");
    read.append(el("span", "", item.why ? "unreadable" : item.read || "not read yet"));
    if (item.mark) read.append(this.mark(item));
    const cell = (cls, made) => { const c = el("span", cls); if (made) c.append(made); return c; };
    b.append(
      this.picture(item, head, body), el("span", "id", item.id), el("span", "truth", item.truth || "–"), read,
      cell("sure", item.sure != null && this.bar(item.sure, percent(item.sure))),
      el("span", "eps", item.eps === "none" ? "not turned" : item.eps || "–"),
      cell("focus", item.focus != null && this.bar(item.focus, item.focus.toFixed(2))),
    );
    return b;
  }
}

export default mounted(Gallery);
