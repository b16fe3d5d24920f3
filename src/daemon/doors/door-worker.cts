/** How the thread of the doors begins: see ../../cli/stratafs.cts. */
void import('./door-worker.js')
