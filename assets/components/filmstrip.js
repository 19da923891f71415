// Thumbnails to choose from: one page of a data set. Choosing and turning pages are told to the
// server; thumbnails that are not made yet are filled in by a later blob.

class Filmstrip {
  constructor(parent) {
    this.root = el("div", "root");
    parent.append(this.root);
    this.urls = new Map(); // content hash -> object URL
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
    const active = this.root.getRootNode().activeElement?.dataset?.id;
    const wanted = new Set(Object.values(head.images).map((ref) => ref[2]));
    for (const [hash, url] of this.urls) if (!wanted.has(hash)) { URL.revokeObjectURL(url); this.urls.delete(hash); }
    const pager = el("div", "pager");
    const turn = (text, label, page) => {
      const b = el("button", "turn", text);
      b.type = "button";
      b.setAttribute("aria-label", label);
      b.disabled = page < 0 || page >= head.pages;
      b.onclick = () => this.tell("page", page);
      b.dataset.id = label;
      return b;
    };
    pager.append(el("span", "", head.range), turn("‹", "Previous images", head.page - 1), turn("›", "Next images", head.page + 1));
    const grid = el("div", "grid");
    grid.setAttribute("role", "group");
    grid.setAttribute("aria-label", "Images");
    for (const item of head.items) grid.append(this.item(item, head, body));
    if (!head.items.length) grid.append(el("p", "none", head.none));
    grid.onkeydown = (e) => {
      const all = [...grid.querySelectorAll("button")], at = all.indexOf(this.root.getRootNode().activeElement);
      const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -4, ArrowDown: 4 }[e.key];
      if (step && all[at + step]) { e.preventDefault(); all[at + step].focus(); }
    };
    this.root.replaceChildren(pager, grid);
    if (active) this.root.querySelector(`[data-id="${CSS.escape(active)}"]`)?.focus({ preventScroll: true });
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
