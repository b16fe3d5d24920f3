/** How the second thread of a build begins: see ../cli/stratafs.cts. */
void import('./build-worker.js')
