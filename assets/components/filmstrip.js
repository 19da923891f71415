// Thumbnails to choose from: one page of a data set. Choosing and turning pages are told to the
// server; thumbnails that are not made yet are filled in by a later blob.

class Filmstrip {
  constructor(parent) {
    this.root = el("div", "root");
    parent.append(this.root);
    this.urls = new Map(); // content hash -> object URL
    this.made = new Map();
    this.range = el("span");
    this.turns = [this.turn("‹", "Previous images", -1), this.turn("›", "Next images", 1)];
    this.pager = el("div", "pager");
    this.pager.append(this.range, ...this.turns.map(({ button }) => button));
    this.grid = el("div", "grid");
    this.grid.setAttribute("role", "group");
    this.grid.setAttribute("aria-label", "Images");
    this.grid.onkeydown = (e) => {
      const all = [...this.grid.querySelectorAll("button")], at = all.indexOf(this.root.getRootNode().activeElement);
      const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -4, ArrowDown: 4 }[e.key];
      if (step && all[at + step]) { e.preventDefault(); all[at + step].focus(); }
    };
    this.root.append(this.pager, this.grid);
  }

  destroy() {
    for (const url of this.urls.values()) URL.revokeObjectURL(url);
    this.root.remove();
  }

  update(data, tell) {
    this.tell = tell;
    const { head, body } = parse(data);
    if (head.id === this.id) return;
    this.id = head.id;
    this.head = head;
    const active = this.root.getRootNode().activeElement?.dataset?.id;
    const wanted = new Set(Object.values(head.images).map((ref) => ref[2]));
    for (const [hash, url] of this.urls) if (!wanted.has(hash)) { URL.revokeObjectURL(url); this.urls.delete(hash); }
    this.range.textContent = head.range;
    for (const { button, by } of this.turns) button.disabled = head.page + by < 0 || head.page + by >= head.pages;
    const some = head.items.map((item) => kept(this.made, item.id, [item, head.images[item.id]?.[2], item.id === head.current], () => this.item(item, head, body)));
    if (!some.length) some.push(el("p", "none", head.none));
    forget(this.made, head.items.map((item) => item.id));
    arrange(this.grid, some);
    if (active) this.root.querySelector(`[data-id="${CSS.escape(active)}"]`)?.focus({ preventScroll: true });
  }

  turn(text, label, by) {
    const button = el("button", "turn", text);
    button.type = "button";
    button.setAttribute("aria-label", label);
    button.dataset.id = label;
    button.onclick = () => this.tell("page", this.head.page + by);
    return { button, by };
  }

  item(item, head, body) {
    const button = el("button", "item"), ref = head.images[item.id];
    button.type = "button";
    button.dataset.id = item.id;
    button.title = item.title;
    button.setAttribute("aria-label", item.title);
    if (item.id === head.current) button.setAttribute("aria-current", "true");
    if (ref) {
      const [offset, length, hash] = ref;
      if (!this.urls.has(hash)) this.urls.set(hash, URL.createObjectURL(new Blob([body.subarray(offset, offset + length)])));
      const image = el("img");
      image.src = this.urls.get(hash);
      image.alt = "";
      button.append(image);
    }
    if (item.mark) button.append(el("span", `mark ${item.mark}`, item.mark === "right" ? "✓" : "✗"));
    button.onclick = () => this.tell("chosen", item.id);
    return button;
  }
}

export default mounted(Filmstrip);
