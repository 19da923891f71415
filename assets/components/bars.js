// The table of class probabilities, clean beside attacked, each with a bar.

function probabilities({ title, rows }) {
  const list = el("table");
  list.append(el("caption", "", title));
  const top = list.createTHead().insertRow();
  for (const name of ["Class", "Clean", "Attacked"]) {
    const th = el("th", name.toLowerCase(), name);
    th.scope = "col";
    top.append(th);
  }
  const body = list.createTBody();
  for (const { label, clean, attacked, mark } of rows) {
    const row = body.insertRow(), th = el("th", mark ? "true" : "", label);
    th.scope = "row";
    if (mark) th.append(el("small", "", mark));
    row.append(th);
    for (const [kind, value] of [["clean", clean], ["attacked", attacked]]) {
      const cell = row.insertCell();
      cell.className = kind;
      if (!value) continue;
      const rule = el("i");
      rule.style.width = `${Math.max(value[0] * 100, 0.5)}%`;
      cell.append(el("span", "", value[1]), rule);
    }
  }
  return list;
}
