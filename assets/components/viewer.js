// The viewer of the case page: the panels, and the ε at which they come to rest.

const VIEWERS = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  if (!data || !data.length) return undefined;
  let viewer = VIEWERS.get(parentElement);
  if (!viewer) VIEWERS.set(parentElement, (viewer = new Viewer(parentElement)));
  viewer.tell = (eps) => setTriggerValue("eps", eps);
  viewer.update(data);
  return () => { viewer.destroy(); VIEWERS.delete(parentElement); };
}
