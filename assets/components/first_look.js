// What the page showed last under this address, drawn before Streamlit's own code has started. It
// cannot be used, and gives way as soon as the page has drawn its own pictures, has something else
// to say, or is asked for something.

const PATIENCE_MS = 8000; // with a page that says nothing
const FADES_MS = 400; // how long Streamlit takes to show what it has drawn
const NARROW = 768; // below it Streamlit folds its sidebar away

// `radarBegins` is how the page's own code begins.
async function firstLook({ heading, said, css, size, themes, blob }) {
  const host = el("div"), inner = el("div", "inner"), top = el("div", "heading");
  host.id = "first-look";
  host.inert = true;
  host.setAttribute("aria-hidden", "true");
  const dark = darkly();
  for (const [name, value] of Object.entries(themes[dark ? "dark" : "light"])) host.style.setProperty(`--st-${name}`, value);
  host.style.setProperty("--side", innerWidth > NARROW ? `${kept("sidebarWidth") || 288}px` : "0px");
  host.style.colorScheme = dark ? "dark" : "light";
  document.documentElement.style.fontSize = size; // as Streamlit sets it
  const shadow = host.attachShadow({ mode: "closed" }), style = el("style", "", css);
  heading.forEach((text, i) => top.append(el(i ? "span" : "b", "", text)));
  top.append(el("i", "stretch"), el("i", "share"), el("i", "view"));
  inner.append(top, el("p", "said", said));
  const page = el("div", "page");
  page.append(inner);
  shadow.append(style, el("div", "side"), page);

  const viewer = new Viewer(inner), watched = new MutationObserver(() => { if (elsewhere()) leave(); });
  const path = location.pathname, events = ["pointerdown", "keydown", "wheel"];
  const elsewhere = () => location.pathname !== path || document.querySelector("#root :is([data-testid=stAlert], [data-testid=stException], [data-testid=stDialog], [data-testid=stMain] [data-testid=stProgress])");
  const leave = () => {
    watched.disconnect();
    for (const name of events) removeEventListener(name, leave, true);
    document.documentElement.style.fontSize = "";
    host.remove();
    viewer.destroy();
  };
  for (const name of events) addEventListener(name, leave, true);
  addEventListener("radar-drawn", () => setTimeout(leave, FADES_MS), { once: true });
  watched.observe(document.getElementById("root"), { childList: true, subtree: true });
  setTimeout(leave, PATIENCE_MS);
  document.body.append(host); // last: what cannot be drawn to its end is not left standing
  try {
    await viewer.update(Uint8Array.from(atob(blob), (one) => one.charCodeAt(0)));
    requestAnimationFrame(() => setTimeout(() => {
      document.documentElement.dataset.firstLook = Math.round(performance.now()); // painted
      radarBegins();
    }));
  } catch {
    leave();
    radarBegins();
  }
}

function kept(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null; // a browser that keeps nothing
  }
}

// Whether this visitor has chosen the dark theme, for this page or for the system.
function darkly() {
  const chosen = kept(`stActiveTheme-${location.pathname}-v2`) || "";
  return /dark|light/i.test(chosen) ? /dark/i.test(chosen) : matchMedia("(prefers-color-scheme: dark)").matches;
}
