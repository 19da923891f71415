// The viewer of the case page: the panels, and the ε at which they come to rest.

export default mounted(Viewer);
