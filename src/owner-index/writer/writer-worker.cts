/** How the index's thread begins: see ../cli/stratafs.cts. */
void import('./writer-worker.js')
