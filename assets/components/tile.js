// One panel: a canvas with the outlines over it, its caption, and what stands in for a picture.

const SVG = "http://www.w3.org/2000/svg";

class Tile {
  constructor(row, r, column, c, n) {
    Object.assign(this, { row, r, column: column.id, c, n });
    this.figure = el("figure", pinned(row, c));
    this.canvas = el("canvas");
    this.wait = el("div", "wait");
    this.caption = el("figcaption");
    this.canvas.width = this.canvas.height = n;
    this.canvas.setAttribute("role", "img");
    this.canvas.dataset.tile = `${row}-${column.id}`;
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.image = new ImageData(n, n);
    this.figure.style.setProperty("--o", c * 5 + 2 + r);
    this.figure.style.gridRow = r + 2;
    this.figure.style.gridColumn = c + 2;
    const contours = document.createElementNS(SVG, "svg");
    contours.setAttribute("viewBox", `0 0 ${n} ${n}`);
    contours.setAttribute("aria-hidden", "true");
    this.paths = {};
    for (const name of ["lesion", "evidence"]) {
      this.paths[name] = document.createElementNS(SVG, "path");
      this.paths[name].setAttribute("class", name);
      contours.append(this.paths[name]);
    }
    this.figure.append(this.canvas, contours, this.wait, this.caption);
  }

  // Whether there was something to paint; of the picture only the first `width` columns are.
  paint(picture, row, signed, look, width = this.n) {
    const image = this.pixels(picture, row, signed, look);
    if (image) this.context.putImageData(image, 0, 0, 0, 0, width, this.n);
    return !!image;
  }

  pixels(picture, row, signed, look) {
    if (this.column === "image") return picture(`${row}-image`);
    const clean = picture(`clean-${this.column}`), attacked = picture(`attacked-${this.column}`);
    if (!(row === "clean" ? clean : row === "attacked" ? attacked : clean && attacked)) return undefined;
    const out = this.image.data;
    if (row === "difference") paintDifference(out, clean.data, attacked.data, signed, look.threshold);
    else paintMap(out, picture(`${row}-image`).data, (row === "clean" ? clean : attacked).data, signed, look);
    return this.image;
  }

  say(ready, column, [left, right]) {
    const failed = column.state === "failed";
    this.figure.classList.toggle("empty", !ready);
    this.figure.classList.toggle("running", !ready && column.state === "running");
    this.figure.classList.toggle("failed", failed);
    this.wait.replaceChildren(...(failed ? [el("b", "", column.wait)] : ready ? [] : [column.wait]));
    if (failed && !this.r) this.wait.append(el("span", "", column.why)); // once a column
    this.caption.replaceChildren(el("b", "", left), el("span", "", right));
    const words = ready ? [left, right].filter(Boolean).join(", ") || "picture" : [column.wait || "not there yet", column.why].filter(Boolean).join(": ");
    this.canvas.setAttribute("aria-label", `${TITLES[this.row]}, ${column.title}: ${words}`);
    this.settled = ready || failed || column.state === "elsewhere";
  }
}

// The first column stays in sight while the others scroll.
function pinned(cls, column) {
  return column ? cls : `${cls} pinned`;
}
