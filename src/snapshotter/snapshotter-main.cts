/** How the snapshotter begins, called by the command: see ../cli/stratafs.cts. What it exports is a promise, or it. */
export = import('./snapshotter-main.js')
